import type { Query, Tx } from '../kit/db/db.ts'
import { notFound } from '../problems.ts'

export type ReleaseStatus = 'running' | 'success' | 'failed' | 'error' | 'cancelled' | 'interrupted'

/** A row of `release` as the verbs need it. */
export interface Release {
  id: number
  belongs_to__application: number
  commit: string
  composition: { services?: Record<string, unknown> }
  status: ReleaseStatus
  source: 'cloud' | 'local'
  start_timestamp: Date
  created_at: Date
  is_invalidated: boolean
  is_passing_tests: boolean
  /** What its maker asked for; whether it is final is told by `revision`. */
  wants_final: boolean
  /** Null: a draft, or not finished. */
  revision: number | null
  semver: string
  semver_major: number
  semver_minor: number
  semver_patch: number
  semver_prerelease: string
  semver_build: string
  variant: string
  /** Null: its images are kept. */
  images_let_go_at: Date | null
}

/** Either of the pool or of an open transaction. */
export type Reader = Query | Tx['sql']

/** @throws Problem 404 */
export async function releaseById(sql: Reader, id: number): Promise<Release> {
  const [row] = await (sql as Tx['sql'])<Release[]>`select * from release where id = ${id}`
  if (!row) throw notFound(`cannot find release ${id}`)
  return row
}

/**
 * Locks the fleet, then the release: always in this order. Whoever holds the fleet's lock is alone in giving out its
 * revisions and in moving its target.
 * @throws Problem 404
 */
export async function lockRelease(tx: Tx, id: number): Promise<Release> {
  const { belongs_to__application } = await releaseById(tx.sql, id)
  await lockApplication(tx, belongs_to__application)
  const [row] = await tx.sql<Release[]>`select * from release where id = ${id} for update`
  if (!row) throw notFound(`cannot find release ${id}`)
  return row
}

export async function lockApplication(tx: Tx, application: number): Promise<void> {
  await tx.sql`select 1 from application where id = ${application} for no key update`
}

export interface ReleasedImage {
  id: number
  service_name: string
  status: ReleaseStatus
  location: string
  content_hash: string | null
}

/** The images of a release, by the name of their service. */
export async function imagesOfRelease(sql: Reader, release: number): Promise<ReleasedImage[]> {
  return (sql as Tx['sql'])<ReleasedImage[]>`
    select i.id, s.service_name, i.status, i.location, i.content_hash
    from release_image ri join image i on i.id = ri.image join service s on s.id = i.is_a_build_of__service
    where ri.is_part_of__release = ${release} order by s.service_name`
}

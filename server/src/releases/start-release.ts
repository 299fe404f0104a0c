import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { badRequest } from '../problems.ts'
import { succeed } from './finish-release.ts'
import { missingImages } from './is-whole.ts'
import { lockApplication, type Release, type ReleaseStatus } from './queries.ts'
import { formatSemver, parseSemver } from './release-version.ts'

/** The wire's fields (cloud-api, "release"); absent ones take the wire's defaults. */
export interface NewRelease {
  belongs_to__application: number
  is_created_by__user?: number | null | undefined
  /** 1 to 40 characters: a git commit, or 32 hex digits of a client's own. */
  commit: string
  composition: unknown
  contract?: unknown
  status?: ReleaseStatus | undefined
  source?: 'cloud' | 'local' | undefined
  start_timestamp?: Date | undefined
  end_timestamp?: Date | null | undefined
  /** False makes a draft. */
  is_final?: boolean | undefined
  semver?: string | undefined
  is_passing_tests?: boolean | undefined
  build_log?: string | null | undefined
  note?: string | null | undefined
  known_issue_list?: string | null | undefined
  phase?: string | null | undefined
}

/**
 * A release begins: by a build of ours, or by a client that builds itself and adds the images next. One that comes as
 * `success` is finished at once, by the same rules.
 * @throws Problem 400 for a version that is none, or a success that is not whole
 */
export function startRelease(ctx: Context, asking: Actor, fields: NewRelease): Promise<Release> {
  return ctx.db.transaction((tx) => insertRelease(ctx, tx, asking, fields))
}

/** The same inside a transaction that writes more. */
export async function insertRelease(
  ctx: Context,
  tx: Tx,
  asking: Actor,
  fields: NewRelease,
): Promise<Release> {
  const status = fields.status ?? 'running'
  const application = fields.belongs_to__application
  const semver = semverColumns(fields.semver ?? '0.0.0')
  await lockApplication(tx, application)
  const [row] = await tx.sql<Release[]>`
    insert into release ${tx.sql({
      belongs_to__application: application,
      is_created_by__user: fields.is_created_by__user ?? (asking.kind === 'user' ? asking.id : null),
      commit: fields.commit,
      composition: tx.sql.json((fields.composition ?? {}) as never),
      contract: fields.contract == null ? null : tx.sql.json(fields.contract as never),
      status: status === 'success' ? 'running' : status,
      source: fields.source ?? 'cloud',
      start_timestamp: fields.start_timestamp ?? ctx.now(),
      end_timestamp: fields.end_timestamp ?? (status === 'running' ? null : ctx.now()),
      wants_final: fields.is_final ?? true,
      is_passing_tests: fields.is_passing_tests ?? true,
      build_log: fields.build_log ?? null,
      note: fields.note ?? null,
      known_issue_list: fields.known_issue_list ?? null,
      phase: fields.phase ?? null,
      ...semver,
    })} returning *`
  if (status !== 'success') return row!
  const missing = missingImages(row!, [])
  if (missing) throw badRequest(`cannot create a release as successful: ${missing}`)
  return succeed(ctx, tx, row!)
}

/** @throws Problem 400 in the wire's words */
export function semverColumns(text: string) {
  const semver = parseSemver(text)
  if (!semver) throw badRequest('Invalid semver format')
  return {
    semver: formatSemver(semver),
    semver_major: semver.major,
    semver_minor: semver.minor,
    semver_patch: semver.patch,
    semver_prerelease: semver.prerelease,
    semver_build: semver.build,
  }
}

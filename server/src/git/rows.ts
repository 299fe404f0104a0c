// The truth about a fleet's git remote: refs, packs and cut-off points are rows; a pack's bytes are a blob.
import type { Query, Tx } from '../kit/db/db.ts'
import { builtBranches, movedMeanwhile, nothing, type Command } from './branches.ts'

export interface Pack {
  /** git's checksum of it, 40 hex digits. */
  name: string
  blob: string
  size: number
}

export interface Contents {
  /** From ref to object. */
  refs: Map<string, string>
  packs: Pack[]
  /** Commits whose parents are not here. */
  shallow: string[]
  /** The ref that HEAD names: the branch that was built last, so that a plain clone checks out code. */
  head: string
}

/** All of it at one moment: refs never name an object whose pack is not listed. */
export async function readContents(sql: Query, application: number): Promise<Contents> {
  const [row] = await sql<
    {
      refs: { name: string; object: string }[]
      packs: Pack[]
      shallow: string[]
      head: string | null
    }[]
  >`
    select
      (select coalesce(json_agg(json_build_object('name', name, 'object', object) order by name collate "C"), '[]')
        from git_ref where application = ${application}) as refs,
      (select coalesce(json_agg(json_build_object('name', name, 'blob', blob, 'size', size)), '[]')
        from git_pack where application = ${application}) as packs,
      (select coalesce(json_agg(object), '[]') from git_shallow where application = ${application}) as shallow,
      (select name from git_ref where application = ${application} and name = any(${builtBranches})
        order by moved_at desc, name limit 1) as head`
  return {
    refs: new Map(row!.refs.map(({ name, object }) => [name, object])),
    packs: row!.packs,
    shallow: row!.shallow,
    head: row!.head ?? builtBranches[0]!,
  }
}

/** A push comes true: its refs, packs and cut-off points, in the caller's transaction. Throws when a ref is not where it was. */
export async function writePush(
  { sql }: Tx,
  push: { application: number; moves: Command[]; packs: Pack[]; shallow: string[]; now: Date },
): Promise<void> {
  const { application, now } = push
  for (const { ref, old, new: object } of push.moves) {
    const moved =
      object === nothing
        ? await sql`delete from git_ref where application = ${application} and name = ${ref} and object = ${old} returning name`
        : old === nothing
          ? await sql`
              insert into git_ref (application, name, object, moved_at) values (${application}, ${ref}, ${object}, ${now})
              on conflict do nothing returning name`
          : await sql`
              update git_ref set object = ${object}, moved_at = ${now}
              where application = ${application} and name = ${ref} and object = ${old} returning name`
    if (moved.length === 0) throw movedMeanwhile(ref)
  }
  for (const { name, blob, size } of push.packs)
    await sql`
      insert into git_pack (application, name, blob, size, created_at)
      values (${application}, ${name}, ${blob}, ${size}, ${now}) on conflict do nothing`
  for (const object of push.shallow)
    await sql`insert into git_shallow (application, object) values (${application}, ${object}) on conflict do nothing`
}

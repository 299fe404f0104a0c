import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import { conflict } from '../problems.ts'
import { lockRelease, type Release } from './queries.ts'
import { semverColumns } from './start-release.ts'

/**
 * A running release is made once more, from nothing: images that an earlier try left half done go, and its maker adds new
 * ones. It keeps its id and commit, which people have been told.
 * @throws Problem 409 when it has ended meanwhile
 */
export async function beginAgain(
  ctx: Context,
  tx: Tx,
  id: number,
  fields: { composition: unknown; contract: unknown; semver: string | undefined },
): Promise<Release> {
  const { status } = await lockRelease(tx, id)
  if (status !== 'running') throw conflict(`cannot build release ${id} again: it is ${status}`, 'ended')
  await tx.sql`
    delete from image i where i.id in (select image from release_image where is_part_of__release = ${id})
      and not exists (select from release_image other where other.image = i.id and other.is_part_of__release <> ${id})`
  await tx.sql`delete from release_image where is_part_of__release = ${id}`
  const [row] = await tx.sql<Release[]>`
    update release set ${tx.sql({
      composition: tx.sql.json(fields.composition as never),
      contract: fields.contract == null ? null : tx.sql.json(fields.contract as never),
      ...semverColumns(fields.semver ?? '0.0.0'),
      update_timestamp: ctx.now(),
    } as never)} where id = ${id} returning *`
  return row!
}

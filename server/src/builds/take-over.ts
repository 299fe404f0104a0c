import type { Context } from '../context.ts'
import { mostTries, type KeptBuild } from './queue.ts'

/** A build whose copy died, now ours: enough to start it again. */
export interface DeadBuild extends KeptBuild {
  id: number
  application: number
  user: { id: number } | null
  commit: string
  /** Null: its project had not been read. */
  release: number | null
  /** This one included. */
  tries: number
  /** What it printed until then, and the number of the next piece. */
  log: string
  nextPiece: number
}

/** A copy that is not quite dead may still write pieces of a log. */
const roomForTheDead = 100_000

/** Takes over the builds of dead copies that can start again. Of several copies that look at once, each build goes to one. */
export async function takeOverBuilds(ctx: Context): Promise<DeadBuild[]> {
  return ctx.db.sql<DeadBuild[]>`
    with dead as (
      select b.id from build b left join release r on r.id = b.release
      where b.status in ('waiting', 'running') and b.source is not null and b.tries < ${mostTries} and b.copy <> ${ctx.copy}
        and coalesce(r.status, 'running') = 'running'
        and not exists (select from copy c where c.id = b.copy and c.lease_until > now())
      for update of b skip locked
    )
    update build b set copy = ${ctx.copy}, status = 'waiting', started_at = null, tries = b.tries + 1
    from dead where b.id = dead.id
    returning b.id, b.application, case when b."user" is not null then json_build_object('id', b."user") end as "user", b.commit, b.release,
      b.source, b.source_key as "sourceKey", b.wish, b.tries,
      coalesce((select string_agg(lines, '' order by number) from build_log where build = b.id), '') as log,
      (select coalesce(max(number), 0) + ${roomForTheDead} from build_log where build = b.id) as "nextPiece"`
}

/** This copy is being stopped and does no more for the build: the next that looks begins again. It is no try that failed. */
export async function leaveToOthers(ctx: Context, build: number): Promise<void> {
  await ctx.db.sql`
    update build set status = 'waiting', started_at = null, tries = tries - 1
    where id = ${build} and copy = ${ctx.copy} and status in ('waiting', 'running')`
}

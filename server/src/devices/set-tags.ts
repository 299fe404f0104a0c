import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest, unauthorized } from '../problems.ts'

/** Tags that an app on the device sets through its supervisor. Existing ones take the new value. */
export async function setTags(
  ctx: Context,
  asking: Actor,
  uuid: string,
  tags: Record<string, string>,
): Promise<void> {
  if (asking.kind !== 'device' || asking.uuid !== uuid)
    throw unauthorized(`cannot set tags of device ${uuid}: it is unknown, or this is not its key`)
  const bad = Object.keys(tags).find((key) => !/^\S{1,100}$/.test(key) || /^io\.(?:resin|balena)\./.test(key))
  if (bad !== undefined)
    throw badRequest(
      `cannot set tag ${JSON.stringify(bad)}: keys have 1 to 100 characters, no white space, and not the prefixes io.resin. and io.balena.`,
    )
  await ctx.db.sql`
    insert into device_tag (device, tag_key, value)
    select ${asking.id}, key, value from unnest(${Object.keys(tags)}::text[], ${Object.values(tags)}::text[]) as t(key, value)
    on conflict (device, tag_key) do update set value = excluded.value`
}

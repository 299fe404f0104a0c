import type { Context } from '../context.ts'
import deviceTypes from './device-types.json' with { type: 'json' }

/** Architectures in the order in which ids are given; the wire knows no others. */
export const architectures = ['rpi', 'armv7hf', 'aarch64', 'i386-nlp', 'i386', 'amd64'] as const

/** Brings the tables up to the list in the repository. Each type has an alias row of its own slug: clients look up by alias. */
export async function syncDeviceTypes(ctx: Context): Promise<void> {
  const types = deviceTypes.map((type) => ({
    ...type,
    contract: {
      slug: type.slug,
      type: 'hw.device-type',
      aliases: type.aliases,
      name: type.name,
      data: { arch: type.arch },
    },
  }))
  await ctx.db.transaction(async ({ sql }) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('copal device types', 0))`
    await sql`insert into cpu_architecture (slug) select slug from unnest(${[...architectures]}::text[]) slug on conflict do nothing`
    await sql`
      insert into device_type (slug, name, is_of__cpu_architecture, contract)
      select t.slug, t.name, a.id, t.contract
      from jsonb_to_recordset(${sql.json(types)}) as t(slug text, name text, arch text, contract jsonb)
      join cpu_architecture a on a.slug = t.arch
      on conflict (slug) do update set name = excluded.name, contract = excluded.contract
      where (device_type.name, device_type.contract) is distinct from (excluded.name, excluded.contract)`
    await sql`
      insert into device_type_alias (device_type, is_referenced_by__alias)
      select d.id, alias
      from jsonb_to_recordset(${sql.json(types)}) as t(slug text, aliases jsonb)
      join device_type d using (slug)
      cross join lateral jsonb_array_elements_text(t.aliases || to_jsonb(t.slug)) as alias
      on conflict do nothing`
  })
}

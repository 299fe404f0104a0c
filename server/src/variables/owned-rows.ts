import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../kit/db/db.ts'
import type { Rules } from './rules.ts'

/** Whose target a row is part of. */
export type Told = 'application' | 'device' | 'service' | 'service_install' | 'nobody'

interface Table {
  table: string
  owner: string
  name: string
  rules: Rules
  told: Told
}

type Fields = Record<string, string | number | undefined>

/** The verbs of rows that are an owner, a name and a value. The door has checked that the asker may change the owner. */
export function ownedRows({ table, owner, name, rules, told }: Table) {
  return {
    async create(ctx: Context, asking: Actor, fields: Fields): Promise<{ id: number }> {
      rules(fields[name] as string, fields.value as string)
      return ctx.db.transaction(async (tx) => {
        const { sql } = tx
        const row = { [owner]: fields[owner]!, [name]: fields[name]!, value: fields.value! }
        // A device tells at its first boot how it is set. balena supervisors begin again for ever when they are told 409, and take no
        // target until then; what is there already, by an earlier try or a person's hand, stays.
        const repeatable = table === 'device_config_variable' && asking.kind === 'device'
        const [made] = await sql<{ id: number }[]>`
          insert into ${sql(table)} ${sql(row)} ${repeatable ? sql`on conflict do nothing` : sql``} returning id`
        if (made) {
          await tell(tx, [Number(fields[owner])])
          return made
        }
        const [there] = await sql<{ id: number }[]>`
          select id from ${sql(table)} where ${sql(owner)} = ${fields[owner]!} and ${sql(name)} = ${fields[name]!}`
        return there!
      })
    },
    async update(ctx: Context, _: Actor, ids: number[], { value }: Fields): Promise<void> {
      if (value === undefined) return
      rules(undefined, value as string)
      await ctx.db.transaction(async (tx) => {
        const rows = await tx.sql<{ owner: number }[]>`
          update ${tx.sql(table)} set value = ${value} where id = any(${ids}) returning ${tx.sql(owner)} as owner`
        await tell(
          tx,
          rows.map((row) => row.owner),
        )
      })
    },
    async remove(ctx: Context, _: Actor, ids: number[]): Promise<void> {
      await ctx.db.transaction(async (tx) => {
        const rows = await tx.sql<{ owner: number }[]>`
          delete from ${tx.sql(table)} where id = any(${ids}) returning ${tx.sql(owner)} as owner`
        await tell(
          tx,
          rows.map((row) => row.owner),
        )
      })
    },
  }

  async function tell(tx: Tx, owners: number[]): Promise<void> {
    if (told === 'nobody') return
    for (const about of await targetsOf(tx, told, [...new Set(owners)])) await tx.changed('target', about)
  }
}

async function targetsOf(tx: Tx, told: Told, owners: number[]): Promise<Record<string, number>[]> {
  switch (told) {
    case 'application':
      return owners.map((application) => ({ application }))
    case 'device':
      return owners.map((device) => ({ device }))
    case 'service':
      return tx.sql<
        { application: number }[]
      >`select distinct application from service where id = any(${owners})`
    case 'service_install':
      return tx.sql<
        { device: number }[]
      >`select distinct device from service_install where id = any(${owners})`
    case 'nobody':
      return []
  }
}

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
    async create(ctx: Context, _: Actor, fields: Fields): Promise<{ id: number }> {
      rules(fields[name] as string, fields.value as string)
      return ctx.db.transaction(async (tx) => {
        const row = { [owner]: fields[owner]!, [name]: fields[name]!, value: fields.value! }
        const [made] = await tx.sql<{ id: number }[]>`
          insert into ${tx.sql(table)} ${tx.sql(row)} returning id`
        await tell(tx, [Number(fields[owner])])
        return made!
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

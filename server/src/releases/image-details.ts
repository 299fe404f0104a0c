// Labels and variables that an image got from its composition: an owner, a name, a value.
import type { Actor } from '../auth/actor.ts'
import type { Context } from '../context.ts'
import { badRequest } from '../problems.ts'

type Table = 'image_label' | 'image_environment_variable'

export const createDetail =
  (table: Table, name: 'label_name' | 'name') =>
  async (ctx: Context, _: Actor, fields: Record<string, string | number>): Promise<{ id: number }> => {
    if (String(fields[name]).length > 1000)
      throw badRequest(`cannot use ${name}: it has more than 1000 characters`)
    const { sql } = ctx.db
    const row = { release_image: fields.release_image!, [name]: fields[name]!, value: fields.value! }
    const [made] = await sql<{ id: number }[]>`insert into ${sql(table)} ${sql(row)} returning id`
    return made!
  }

export const updateDetails =
  (table: Table) =>
  async (ctx: Context, _: Actor, ids: number[], { value }: { value?: string }): Promise<void> => {
    if (value === undefined) return
    const { sql } = ctx.db
    await sql`update ${sql(table)} set value = ${value} where id = any(${ids})`
  }

export const removeDetails =
  (table: Table) =>
  async (ctx: Context, _: Actor, ids: number[]): Promise<void> => {
    const { sql } = ctx.db
    await sql`delete from ${sql(table)} where id = any(${ids})`
  }

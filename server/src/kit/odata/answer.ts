// What each method does and answers (cloud-api §5.3), apart from HTTP.
import { badRequest, conflict, notFound, unauthorized } from '../../problems.ts'
import type { Sql } from '../db/db.ts'
import { readBody, type Fields } from './body.ts'
import { compileCount, compileLinked, compileRead, compileTargets } from './compile.ts'
import { faultOf } from './faults.ts'
import { isOne, type Model, type One, type Resource, type Scope } from './resource.ts'
import { bindsOf, type Plan } from './statement.ts'
import type { Query } from './tree.ts'

const mostPlans = 2000
/** A shape that came this often is worth a prepared statement; shapes that strangers invent are not. */
const worthPreparing = 3

/** One request: who asks what of which resource. */
export interface Question {
  resource: Resource
  query: Query
  asking: unknown
  scope: Scope
}

export interface Body {
  value: unknown
  form: boolean
}

export interface Api {
  read(question: Question): Promise<string>
  count(question: Question): Promise<number>
  create(question: Question, body: Body): Promise<{ id: number; row: string | undefined }>
  update(question: Question, body: Body): Promise<void>
  upsert(question: Question, body: Body): Promise<void>
  remove(question: Question): Promise<void>
  /** The ids of those rows that the asker may change. */
  changeable(question: Question): Promise<number[]>
}

/** @param ctx what verbs are given first */
export function makeApi(sql: Sql, ctx: unknown, model: Model): Api {
  const plans = new Map<string, { plan: Plan; uses: number }>()

  async function run<T>(
    what: string,
    question: Question,
    compile: () => Plan,
    values = question.query.values,
  ) {
    const { resource, scope, query } = question
    const { key, count, options } = query
    const shape = `${scope.kind} ${what} ${resource.name} ${JSON.stringify([key, count, options])}`
    const known = plans.get(shape) ?? { plan: compile(), uses: 0 }
    // The one that was not asked for the longest goes first, so that strange shapes don't drive out the usual ones.
    plans.delete(shape)
    if (plans.size >= mostPlans) plans.delete(plans.keys().next().value!)
    plans.set(shape, known)
    known.uses++
    try {
      return (await sql.unsafe(known.plan.text, bindsOf(known.plan, values, scope) as never[], {
        prepare: known.uses > worthPreparing,
      })) as unknown as T[]
    } catch (error) {
      throw (await faultOf(sql, error, resource.name)) ?? error
    }
  }

  const read = async (question: Question) => {
    const compile = () => compileRead(model, question.resource, question.query, question.scope)
    const [row] = await run<{ d: string }>('read', question, compile)
    return row!.d
  }

  const targets = (question: Question, verb: 'update' | 'remove') =>
    run<{ id: number; may: boolean }>(verb, question, () =>
      compileTargets(model, question.resource, question.query, question.scope, verb),
    )

  /** Links of a body must name rows that the asker can see; guarded ones, rows that they may change. */
  async function checkLinks(question: Question, fields: Fields): Promise<void> {
    for (const [name, link] of Object.entries(question.resource.links)) {
      const id = fields[name]
      if (!isOne(link) || id == null) continue
      const other = model.get(link.one)!
      const ask = { ...question, resource: other, query: { ...question.query, options: {} } }
      delete ask.query.key
      const [row] = await run<{ may: boolean }>('linked', ask, () => compileLinked(model, other, ask.scope), [
        id,
      ])
      if (link.guarded && !row?.may) throw notAllowed(question.resource, name, link)
      if (!row) throw conflict(`Data is referenced by ${name}.`)
    }
  }

  async function write<T>(resource: Resource, verb: () => Promise<T>): Promise<T> {
    try {
      return await verb()
    } catch (error) {
      throw (await faultOf(sql, error, resource.name)) ?? error
    }
  }

  async function change(
    question: Question,
    verb: 'update' | 'remove',
    then: (ids: number[]) => Promise<unknown>,
  ) {
    const { resource, query } = question
    if (!query.key && !query.options.filter)
      throw badRequest(`cannot ${verb} every ${resource.name} at once · give a key or a $filter`)
    const found = await targets(question, verb)
    const refused = found.find(({ may }) => !may)
    if (refused)
      throw unauthorized(
        `cannot ${verb} ${resource.name} ${refused.id}: unauthorized · your role does not allow it`,
      )
    if (found.length > 0) await write(resource, () => then(found.map(({ id }) => id)))
    return found.length
  }

  async function create(question: Question, body: Body) {
    const { resource, asking } = question
    if (!resource.create) throw unauthorized(`cannot create a ${resource.name}: nobody may`)
    const fields = readBody(resource, body.value, 'create', body.form)
    await checkLinks(question, fields)
    const { id } = await write(resource, () => resource.create!(ctx, asking, fields))
    const wanted = question.query.parameters.returnResource !== 'false'
    return { id, row: wanted ? await createdRow(question, id) : undefined }
  }

  async function createdRow(question: Question, id: number): Promise<string | undefined> {
    const value = { is: 'value', type: 'integer', at: 0 } as const
    const query = { ...question.query, key: [{ field: 'id', value }], options: {}, values: [id] }
    return (await read({ ...question, query })).slice(1, -1) || undefined
  }

  async function update(question: Question, body: Body): Promise<number> {
    const { resource, asking } = question
    if (!resource.update) throw unauthorized(`cannot update a ${resource.name}: nobody may`)
    const changes = readBody(resource, body.value, 'update', body.form)
    await checkLinks(question, changes)
    return change(question, 'update', (ids) => resource.update!(ctx, asking, ids, changes))
  }

  return {
    read,
    async count(question) {
      const compile = () => compileCount(model, question.resource, question.query, question.scope)
      const [row] = await run<{ d: number }>('count', question, compile)
      return row!.d
    },
    create,
    async update(question, body) {
      await update(question, body)
    },
    async upsert(question, body) {
      const { key, values } = question.query
      if (!key) throw badRequest('cannot put without a key')
      if ((await targets(question, 'update')).length > 0) {
        await update(question, body)
        return
      }
      const ofKey = key.map(({ field, value }) => [
        field,
        value.is === 'value' ? values[value.at] : undefined,
      ])
      if (key.some(({ field }) => field === 'id'))
        throw notFound(`cannot find that ${question.resource.name}`)
      const value = { ...Object.fromEntries(ofKey), ...(body.value as object) }
      await create(question, { ...body, value })
    },
    async remove(question) {
      const { resource, asking } = question
      if (!resource.remove) throw unauthorized(`cannot remove a ${resource.name}: nobody may`)
      await change(question, 'remove', (ids) => resource.remove!(ctx, asking, ids))
    },
    async changeable(question) {
      return (await targets(question, 'update')).filter(({ may }) => may).map(({ id }) => id)
    },
  }
}

const notAllowed = (resource: Resource, name: string, link: One) =>
  unauthorized(
    `cannot write a ${resource.name} with this ${name}: unauthorized · the ${link.one} is unknown, or your role does not allow it`,
  )

/** Whether nothing of a resource can ever be seen by a kind of asker. */
export function isClosedTo(model: Model, resource: Resource, kind: string): boolean {
  const { visibleTo } = resource
  if (visibleTo.as === undefined) return visibleTo.by[kind] === undefined
  if (visibleTo.kinds && !visibleTo.kinds.includes(kind)) return true
  return isClosedTo(model, model.get((resource.links[visibleTo.as] as One).one)!, kind)
}

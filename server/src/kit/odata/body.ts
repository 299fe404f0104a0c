// The body of a POST, PATCH or PUT: unknown in, typed out.
import { badRequest } from '../../problems.ts'
import { isOne, type Field, type One, type Resource } from './resource.ts'

export type Fields = Record<string, unknown>

/**
 * The fields and links of a body, as values of their types: dates as `Date`, links as ids. What is unknown or not to be
 * written is left out, unless there is nothing else.
 * @param form from a form, where every value is a text
 * @throws Problem 400 naming the field
 */
export function readBody(
  resource: Resource,
  body: unknown,
  moment: 'create' | 'update',
  form: boolean,
): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest(`cannot read the body: it is no object`)
  const read: Fields = {}
  const left: string[] = []
  for (const [name, value] of Object.entries(body)) {
    const property = writable(resource, name, moment)
    if (property && value !== undefined) read[name] = valueOf(name, property, value, form)
    else left.push(name)
  }
  if (Object.keys(read).length === 0 && left.length > 0)
    throw badRequest(
      `cannot write ${JSON.stringify(left[0])} of ${resource.name}: there is no such field to write`,
    )
  if (moment === 'create') checkMandatory(resource, read)
  return read
}

function writable(resource: Resource, name: string, moment: 'create' | 'update'): Field | One | undefined {
  const property = Object.hasOwn(resource.fields, name)
    ? resource.fields[name]
    : Object.hasOwn(resource.links, name)
      ? resource.links[name]
      : undefined
  if (!property || 'many' in property || property.written === 'never') return undefined
  return property.written === 'at creation' && moment === 'update' ? undefined : property
}

function checkMandatory(resource: Resource, read: Fields): void {
  for (const [name, property] of Object.entries({ ...resource.links, ...resource.fields }))
    if ('mandatory' in property && property.mandatory && read[name] === undefined)
      throw badRequest(`cannot create a ${resource.name}: ${name} is missing`)
}

function valueOf(name: string, property: Field | One, value: unknown, form: boolean): unknown {
  if (value === null || (form && value === '' && property.nullable)) {
    if (!property.nullable) throw badRequest(`cannot set ${name} to nothing`)
    return null
  }
  const type = 'one' in property && isOne(property) ? 'integer' : (property as Field).type
  const read = readers[type](form && typeof value === 'string' ? unform(type, value) : value)
  if (read === undefined) throw badRequest(`cannot use ${name}: it must be ${called[type]}`)
  const words = (property as Field).oneOf
  if (words && !words.includes(read as string))
    throw badRequest(`cannot use ${name}: it must be one of ${words.join(', ')}`)
  return read
}

const called = {
  integer: 'a whole number',
  decimal: 'a number',
  bigint: 'a whole number',
  text: 'a text',
  boolean: 'true or false',
  date: 'a date',
  json: 'JSON',
}

const readers: Record<Field['type'], (value: unknown) => unknown> = {
  integer: (value) => (Number.isInteger(value) && Math.abs(value as number) < 2 ** 31 ? value : undefined),
  decimal: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
  bigint: (value) =>
    Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,18}$/.test(value))
      ? String(value)
      : undefined,
  text: (value) => (typeof value === 'string' ? value : undefined),
  boolean: (value) => (typeof value === 'boolean' ? value : undefined),
  date(value) {
    if (typeof value !== 'string' && typeof value !== 'number') return undefined
    const date = new Date(value)
    const year = date.getUTCFullYear()
    return year >= 1 && year <= 9999 ? date : undefined
  },
  json: (value) => value,
}

/** Forms know texts only. */
function unform(type: Field['type'], value: string): unknown {
  if (type === 'integer' || type === 'decimal') return value.trim() === '' ? undefined : Number(value)
  if (type === 'boolean')
    return ({ true: true, '1': true, false: false, '0': false } as Record<string, boolean>)[value]
  if (type === 'date' && /^\d+$/.test(value)) return Number(value)
  return value
}

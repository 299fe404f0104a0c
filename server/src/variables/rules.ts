// What names and values may be. The sentences are those of the wire (cloud-api §6): clients show them as they are.
import { badRequest } from '../problems.ts'

/** Throws a Problem 400 for a name (absent when only the value changes) or a value that is not allowed. */
export type Rules = (name: string | undefined, value: string | undefined) => void

/** As `/config/vars` tells them. */
export const reservedNames = ['RESIN', 'BALENA', 'USER']
export const reservedNamespaces = ['RESIN_', 'BALENA_']
export const invalidName = /^\d|\W/
export const invalidConfigName = /^[\d:]|[^A-Za-z0-9_:]/

const longestValue = 1_000_000

export const environmentRules: Rules = (name, value) => {
  checkValue(value)
  if (name === undefined) return
  if (name === '') throw badRequest('Environment variable names must not be empty.')
  if (invalidName.test(name))
    throw badRequest('Environment variable names can only contain alphanumeric characters and underscores.')
  if (reservedNames.includes(name))
    throw badRequest(`Environment variables ${reservedNames.join(', ')} are reserved`)
  if (reservedNamespaces.some((prefix) => name.startsWith(prefix)))
    throw badRequest(`Environment variables beginning with ${reservedNamespaces.join(', ')} are reserved.`)
}

export const configRules: Rules = (name, value) => {
  checkValue(value)
  if (name === undefined) return
  if (!reservedNamespaces.some((prefix) => name.startsWith(prefix)))
    throw badRequest(
      `Configuration variables must be part of one of the following namespaces: ${reservedNamespaces.join(', ')}`,
    )
  if (invalidConfigName.test(name) || name.length > 255)
    throw badRequest(
      'Configuration variable names can only contain alphanumeric characters, underscores and colons.',
    )
}

export const labelRules: Rules = (name, value) => {
  if (name !== undefined && (name === '' || name.length > 255))
    throw badRequest('cannot set the label: its name must have 1 to 255 characters')
  if (value !== undefined && value.length > 300)
    throw badRequest('cannot set the label: its value has more than 300 characters')
}

export const tagRules =
  (longest: number): Rules =>
  (key, value) => {
    if (key !== undefined) checkTagKey(key)
    if (value !== undefined && value.length > longest)
      throw badRequest(`cannot set the tag: its value has more than ${longest} characters`)
  }

function checkTagKey(key: string): void {
  if (key === '' || key.length > 100) throw badRequest('Tag keys must have 1 to 100 characters.')
  if (/\s/.test(key)) throw badRequest('Tag keys cannot contain whitespace.')
  const reserved = ['io.resin.', 'io.balena.'].find((prefix) => key.startsWith(prefix))
  if (reserved) throw badRequest(`Tag keys beginning with ${reserved} are reserved.`)
}

function checkValue(value: string | undefined): void {
  if (value === undefined) return
  if (/[\r\n]/.test(value)) throw badRequest('Variable values cannot contain line break characters')
  if (value.length > longestValue)
    throw badRequest(`cannot set the variable: its value has more than ${longestValue} characters`)
}

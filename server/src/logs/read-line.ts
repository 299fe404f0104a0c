import { sentLine, type SentLine } from '@copal/wire/log-line.ts'

const messageMost = 10_000 // characters, as devices cut it
const serviceMost = 2 ** 31 - 1

/** A line as a device sends it, made storable; undefined when it is not understood: a bad line costs that line. */
export function readLine(value: unknown): SentLine | undefined {
  const read = sentLine.safeParse(value)
  if (!read.success || !Number.isFinite(read.data.timestamp)) return undefined
  const { message, timestamp, isSystem, isStdErr, serviceId, source, place } = read.data
  return {
    message: storable(message),
    timestamp,
    ...(isSystem && { isSystem }),
    ...(isStdErr && { isStdErr }),
    ...(serviceId && serviceId > 0 && serviceId <= serviceMost && { serviceId }),
    ...(source !== undefined && place !== undefined && { source: storable(source), place: storable(place) }),
  }
}

/** The database takes no NUL, and UTF-8 no half characters. */
function storable(message: string): string {
  const cut = message.length > messageMost ? `${message.slice(0, messageMost)}[...]` : message
  return cut.replaceAll('\0', '\ufffd').toWellFormed()
}

/** Lines that carry a `uuid` are another device's, from times when devices had devices: not meant for us. */
export const isForeign = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'uuid' in value

/** JSON text to a value; undefined when it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

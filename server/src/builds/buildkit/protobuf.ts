// As much of protobuf as BuildKit's progress and session speak: varints, and fields of bytes.

export type Field = { number: number } & ({ value: number } | { bytes: Buffer })

/** The fields of a message in order. Unknown ones come along; fixed-width ones are passed over. @throws Error when cut off */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0
  function varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]
      if (byte === undefined || shift > 63) throw new Error('a protobuf message is cut off')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        yield { number, value: varint() }
        break
      case 1:
        at += 8
        break
      case 2: {
        const end = varint() + at
        if (end > message.length) throw new Error('a protobuf message is cut off')
        yield { number, bytes: message.subarray(at, end) }
        at = end
        break
      }
      case 5:
        at += 4
        break
      default:
        throw new Error('a protobuf message has a field of an unknown kind')
    }
  }
}

/** A field of bytes or text; nothing for an empty one, which is what absence means. */
export function bytesField(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string)
  return bytes.length === 0 ? bytes : Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

export const numberField = (number: number, value: number): Buffer =>
  Buffer.concat([varint(number * 8), varint(value)])

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}

// What BuildKit tells of a running build: `moby.buildkit.v1.StatusResponse`, base64 in the engine's stream of JSON.
import { fieldsOf } from './protobuf.ts'

/** A step. Told again whenever something about it changed. */
export interface Vertex {
  digest: string
  /** `[2/5] RUN npm ci`, or `[internal] …`. */
  name: string
  cached: boolean
  /** Epoch ms. */
  started?: number
  completed?: number
  /** Empty unless it failed. */
  error: string
}

/** Progress inside of a step: a layer that is pulled, files that are sent. */
export interface VertexStatus {
  id: string
  vertex: string
  current: number
  total: number
  completed: boolean
}

/** What a step printed: bytes, not necessarily whole lines. */
export interface VertexLog {
  vertex: string
  text: Buffer
}

export interface Trace {
  vertexes: Vertex[]
  statuses: VertexStatus[]
  logs: VertexLog[]
  warnings: string[]
}

export function readTrace(message: Buffer): Trace {
  const trace: Trace = { vertexes: [], statuses: [], logs: [], warnings: [] }
  for (const field of fieldsOf(message)) {
    if (!('bytes' in field)) continue
    if (field.number === 1) trace.vertexes.push(readVertex(field.bytes))
    else if (field.number === 2) trace.statuses.push(readStatus(field.bytes))
    else if (field.number === 3) trace.logs.push(readLog(field.bytes))
    else if (field.number === 4) trace.warnings.push(...readWarning(field.bytes))
  }
  return trace
}

function readVertex(message: Buffer): Vertex {
  const vertex: Vertex = { digest: '', name: '', cached: false, error: '' }
  for (const field of fieldsOf(message)) {
    if ('value' in field) {
      if (field.number === 4) vertex.cached = field.value !== 0
    } else if (field.number === 1) vertex.digest = field.bytes.toString()
    else if (field.number === 3) vertex.name = field.bytes.toString()
    else if (field.number === 5) vertex.started = readTime(field.bytes)
    else if (field.number === 6) vertex.completed = readTime(field.bytes)
    else if (field.number === 7) vertex.error = field.bytes.toString()
  }
  return vertex
}

function readStatus(message: Buffer): VertexStatus {
  const status: VertexStatus = { id: '', vertex: '', current: 0, total: 0, completed: false }
  for (const field of fieldsOf(message)) {
    if ('value' in field) {
      if (field.number === 4) status.current = field.value
      else if (field.number === 5) status.total = field.value
    } else if (field.number === 1) status.id = field.bytes.toString()
    else if (field.number === 2) status.vertex = field.bytes.toString()
    else if (field.number === 8) status.completed = true
  }
  return status
}

function readLog(message: Buffer): VertexLog {
  const log: VertexLog = { vertex: '', text: Buffer.alloc(0) }
  for (const field of fieldsOf(message)) {
    if (!('bytes' in field)) continue
    if (field.number === 1) log.vertex = field.bytes.toString()
    else if (field.number === 4) log.text = field.bytes
  }
  return log
}

function* readWarning(message: Buffer): Generator<string> {
  for (const field of fieldsOf(message))
    if ('bytes' in field && field.number === 3) yield field.bytes.toString()
}

/** `google.protobuf.Timestamp`: seconds and nanoseconds. */
function readTime(message: Buffer): number {
  let time = 0
  for (const field of fieldsOf(message)) {
    if (!('value' in field)) continue
    if (field.number === 1) time += field.value * 1000
    else if (field.number === 2) time += field.value / 1e6
  }
  return time
}

// All lines that this copy holds: `GET /device/v3/<uuid>/line`, upgraded with the device's key.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Device } from '../auth/actor.ts'
import { whoAsks } from '../auth/who.ts'
import type { Context } from '../context.ts'
import { connections } from '../devices/connections.ts'
import { addressOf } from '../kit/http/address.ts'
import { onePer } from '../kit/one-per.ts'
import { Problem, unauthorized } from '../problems.ts'
import { registryFor } from '../target-state/read-target.ts'
import { closing, Line } from './line.ts'

const path = /^\/device\/v3\/([0-9a-f]{32,62})\/line(?:\?|$)/
const largestMessage = 256 * 1024 // bytes
const sweepEvery = 10_000 // ms

export interface Lines extends AsyncDisposable {
  /** Takes an HTTP upgrade if it is for a line; false when it is for somebody else. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** The device's line on this copy; the newest where it has several. */
  of(device: number): Line | undefined
  /** The devices that have a line on this copy. */
  devices(): number[]
}

/** Part of the server, one for each copy. */
export const lines = onePer(acceptLines)

function acceptLines(ctx: Context): Lines {
  // No compression: its buffers would cost more memory than all the rest of a line.
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: largestMessage,
  })
  const lines = new Map<number, Set<Line>>()
  let ending = false

  async function open(request: IncomingMessage, socket: WebSocket, device: Device): Promise<void> {
    const address = addressOf(request.socket) ?? null
    const line = new Line(
      randomUUID(),
      device,
      registryFor(ctx, request.headers.host),
      socket,
      ctx.now().getTime(),
    )
    const opened = connections(ctx).open({ id: line.id, device: device.id, address })
    lines.set(device.id, (lines.get(device.id) ?? new Set()).add(line))
    socket.on('message', (data, isBinary) => {
      if (isBinary) return // channels: none that we know yet
      line.hear(ctx, String(data)).catch((error) => failed(ctx, error, device))
    })
    socket.on('error', () => socket.terminate())
    socket.once('close', (code) => {
      const all = lines.get(device.id)
      all?.delete(line)
      if (all?.size === 0) lines.delete(device.id)
      const clean = code === 1000 || code === 1001
      opened
        .catch(() => undefined)
        .then(() => connections(ctx).close({ id: line.id, device: device.id, clean: clean && !ending }))
        .catch((error) => failed(ctx, error, device))
    })
    await opened
  }

  const sweep = setInterval(() => {
    const now = ctx.now().getTime()
    for (const line of [...lines.values()].flatMap((all) => [...all]))
      if (line.silentUntil < now) line.terminate()
    keepRows(ctx, lines).catch((error) => ctx.log.warn({ err: error }, 'open lines could not be compared'))
  }, sweepEvery)

  const newest = (device: number) => [...(lines.get(device) ?? [])].at(-1)

  return {
    upgrade(request, socket, head) {
      const uuid = path.exec(request.url ?? '')?.[1]
      if (!uuid) return false
      socket.on('error', () => socket.destroy())
      whoAsks(ctx, request)
        .then((asking) => {
          if (ending) throw new Problem(503, 'stopping', 'cannot take the line: this copy is stopping')
          if (asking.kind !== 'device' || asking.uuid !== uuid)
            throw unauthorized(`cannot open a line for device ${uuid}: this is not its key`)
          server.handleUpgrade(request, socket as Socket, head, (ws) => {
            open(request, ws, asking).catch((error) => {
              failed(ctx, error, asking)
              ws.terminate()
            })
          })
        })
        .catch((error) => refuse(ctx, socket, error))
      return true
    },
    of: newest,
    devices: () => [...lines.keys()],
    async [Symbol.asyncDispose]() {
      ending = true
      clearInterval(sweep)
      for (const all of lines.values())
        for (const line of all) line.close(closing.goingAway, 'this copy is stopping')
      const end = Date.now() + 1000
      while (lines.size > 0 && Date.now() < end) await new Promise((done) => setTimeout(done, 20))
      for (const all of lines.values()) for (const line of all) line.terminate()
    },
  }
}

/** When this copy's lease had run out for a while, others swept its rows: they are written again. */
async function keepRows(ctx: Context, lines: Map<number, Set<Line>>): Promise<void> {
  const all = [...lines.values()].flatMap((set) => [...set])
  const { sql } = ctx.db
  const [count] = await sql<{ rows: number }[]>`
    select count(*)::integer as rows from connection where copy = ${ctx.copy}`
  if (count!.rows >= all.length) return
  const rows = await sql<{ id: string }[]>`select id from connection where copy = ${ctx.copy}`
  const there = new Set(rows.map(({ id }) => id))
  const missing = all.filter(({ id }) => !there.has(id))
  await Promise.all(
    missing.map(async ({ id, device }) => {
      await connections(ctx).open({ id, device, address: null })
      const closedMeanwhile = ![...(lines.get(device) ?? [])].some((line) => line.id === id)
      if (closedMeanwhile) await connections(ctx).close({ id, device, clean: false })
    }),
  )
}

function failed(ctx: Context, error: unknown, device: Device): void {
  ctx.log.warn(
    { err: error, 'device.uuid': device.uuid },
    `the line of device ${device.uuid.slice(0, 7)} had a failure`,
  )
}

function refuse(ctx: Context, socket: Duplex, error: unknown): void {
  const status = error instanceof Problem ? error.status : 500
  if (!(error instanceof Problem)) ctx.log.error({ err: error }, 'a line could not be opened')
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

// A platform for tests: one device's end of the wire, in memory, with a registry beside it.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createGunzip, constants } from 'node:zlib'
import type { SentLine } from '@copal/wire/log-line.ts'
import { fromDevice } from '@copal/wire/line.ts'
import { stateReport, type DeviceReport } from '@copal/wire/state-report.ts'
import { sentLine } from '@copal/wire/log-line.ts'
import { WebSocketServer, type WebSocket } from 'ws'
import type { TestRegistry } from './registry.ts'

export class TestPlatform {
  /** What the device said last, all reports put together. */
  reported: DeviceReport = {}
  readonly reports: { at: number; report: DeviceReport }[] = []
  readonly logs: SentLine[] = []
  readonly registrations: Record<string, unknown>[] = []
  readonly lineMessages: Record<string, unknown>[] = []
  /** `GET /path` of every request but those to the registry. */
  readonly requests: string[] = []
  /** What reports are answered with instead, if it is not 200. */
  reportStatus = 200
  registerStatus = 201
  /** Devices that queries of the API find, and with which keys. */
  readonly devices: { id: number; uuid: string; readableBy: string[] }[] = []
  /** What the device asked of the API, and what it was answered. */
  readonly written: { request: string; body: Record<string, unknown>; status: number }[] = []
  /** The status of the next answers to that, then 201. */
  readonly writeStatus: number[] = []
  readonly exchanged: { id: number; apiKey: string }[] = []
  /** Whether lines are accepted. */
  lines = true
  registry: TestRegistry | undefined
  port = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #open = new Set<WebSocket>()
  #uuid = ''
  #key = ''
  #state: unknown = {}
  #etag = ''

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    const upgrades = new WebSocketServer({ noServer: true })
    this.#server.on('upgrade', (request, socket, head) => {
      if (!this.lines || !this.#isDevice(request)) return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
      upgrades.handleUpgrade(request, socket, head, (line) => this.#hear(line))
    })
  }

  static async start(port = 0): Promise<TestPlatform> {
    const platform = new TestPlatform()
    await platform.up(port)
    return platform
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get key(): string {
    return this.#key
  }

  get uuid(): string {
    return this.#uuid
  }

  get lineIsOpen(): boolean {
    return this.#open.size > 0
  }

  /** Listens, also again after `down` (on the same port). */
  async up(port = this.port): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Gone from one moment to the next, as with a pulled cable. */
  async down(): Promise<void> {
    for (const line of this.#open) line.terminate()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** A new target; the device is told over its line. */
  setTarget(apps: Record<string, unknown>, config: Record<string, string> = {}): void {
    this.#state = { [this.#uuid]: { name: 'test-device', config, apps } }
    this.#etag = `"${createHash('sha256').update(JSON.stringify(this.#state)).digest('hex').slice(0, 16)}"`
    for (const line of this.#open) line.send('{"t":"changed"}')
  }

  /** Who the device is; learnt from its registration otherwise. */
  knows(uuid: string, key: string): void {
    this.#uuid = uuid
    this.#key = key
  }

  cutLine(): void {
    for (const line of this.#open) line.terminate()
  }

  #isDevice(request: IncomingMessage): boolean {
    return request.headers.authorization === `Bearer ${this.#key}`
  }

  #hear(line: WebSocket): void {
    this.#open.add(line)
    line.on('close', () => this.#open.delete(line))
    line.on('message', (data) => {
      const message = fromDevice.parse(JSON.parse(String(data)))
      this.lineMessages.push(message)
      if (message.t === 'ping') line.send('{"t":"pong"}')
      if (message.t !== 'look') return
      if (message.etag === this.#etag) line.send('{"t":"unchanged"}')
      else line.send(JSON.stringify({ t: 'target', etag: this.#etag, state: this.#state }))
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? ''
    if (path.startsWith('/v2/') || path.startsWith('/auth/')) return this.registry?.answer(request, response)
    this.requests.push(`${request.method} ${path}`)
    if (path === '/device/register') return this.#register(request, response)
    if (path === '/v7/device') return this.#find(request, response)
    if (path.startsWith('/api-key/device/')) return this.#exchange(path, request, response)
    if (!this.#isDevice(request)) return void response.writeHead(401).end('Unauthorized')
    if (path === `/device/v3/${this.#uuid}/state`) {
      if (request.headers['if-none-match'] === this.#etag) return void response.writeHead(304).end()
      return void response.writeHead(200, { etag: this.#etag }).end(JSON.stringify(this.#state))
    }
    if (path.startsWith('/v7/device')) return this.#write(request, response)
    if (path === '/device/v3/state') return this.#report(request, response)
    if (path === `/device/v2/${this.#uuid}/log-stream`) return this.#takeLogs(request, response)
    response.writeHead(404).end()
  }

  async #register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as Record<string, unknown>
    this.registrations.push(body)
    if (this.registerStatus !== 201) return void response.writeHead(this.registerStatus).end('no')
    this.knows(String(body['uuid']), String(body['api_key']))
    const answer = { id: 20, uuid: body['uuid'], api_key: body['api_key'] }
    response.writeHead(201).end(JSON.stringify(answer))
  }

  #find(request: IncomingMessage, response: ServerResponse): void {
    const asked = decodeURIComponent(request.url ?? '')
    const key = request.headers.authorization?.replace('Bearer ', '') ?? ''
    const found = this.devices.filter(
      (one) => asked.includes(`'${one.uuid}'`) && one.readableBy.includes(key),
    )
    response.end(JSON.stringify({ d: found.map(({ id }) => ({ id })) }))
  }

  async #exchange(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { apiKey } = JSON.parse(await text(request)) as { apiKey: string }
    this.exchanged.push({ id: Number(path.split('/')[3]), apiKey })
    response.writeHead(200).end()
  }

  async #write(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as Record<string, unknown>
    const status = this.writeStatus.shift() ?? 201
    this.written.push({ request: `${request.method} ${request.url}`, body, status })
    response.writeHead(status).end('{}')
  }

  async #report(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    if (this.reportStatus !== 200) return void response.writeHead(this.reportStatus).end('not now')
    // As the real one: what does not fit the wire is refused.
    const parsed = stateReport.safeParse(JSON.parse(body))
    if (!parsed.success) return void response.writeHead(400).end(parsed.error.message)
    const report = parsed.data[this.#uuid] ?? {}
    this.reports.push({ at: Date.now(), report })
    this.reported = { ...this.reported, ...report }
    response.writeHead(200).end()
  }

  /** Lines count only when their request came to its end, so that a test sees what must be sent again. */
  async #takeLogs(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request.pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })))
      const lines = body.split('\n').filter((line) => line !== '')
      this.logs.push(...lines.map((line) => sentLine.parse(JSON.parse(line))))
      response.writeHead(201).end()
    } catch {
      response.destroy()
    }
  }
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

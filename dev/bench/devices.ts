// What each thing that devices and people ask of the platform costs its processors: server and database together, per request.
// Milliseconds of processor time hold from machine to machine; requests per second do not.
import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { startPlatform, type Platform } from '../../e2e/platform.ts'
import { family, processorTime } from './processes.ts'

export interface Cost {
  /** Processor time of one request, in ms. */
  processor: number
  /** From question to answer as the client sees it, in ms. */
  median: number
  requests: number
  /** What it may cost, in ms of processor time. */
  budget: number
}

interface Device {
  uuid: string
  key: string
}

interface Ask {
  method: string
  path: string
  key: string
  body?: unknown
  headers?: Record<string, string>
}

const atOnce = 8
const fleet = 'admin/bench-devices'

/**
 * @param count devices in the fleet
 * @param say hears what goes on
 */
export async function benchDevices(
  count: number,
  say: (line: string) => void,
): Promise<Record<string, Cost>> {
  say('starting a platform, and pushing two services …')
  await using platform = await startPlatform()
  const token = await release(platform)
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  const ask = (what: Ask) => answerTo(platform.port, agent, what)
  const server = await platform.serverPid()
  const database = await platform.databasePid()
  const costs: Record<string, Cost> = {}

  async function measure(name: string, budget: number, requests: number, make: (nth: number) => Ask) {
    const times: number[] = []
    const pids = [server, ...(await family(database))]
    const before = await processorTime(pids)
    await inParallel(requests, async (nth) => {
      const begun = performance.now()
      const { status, text } = await ask(make(nth))
      if (status >= 400) throw new Error(`${name} was answered with ${status}: ${text}`)
      times.push(performance.now() - begun)
    })
    const processor = ((await processorTime(pids)) - before) / requests
    const median = times.toSorted((a, b) => a - b)[times.length >> 1]!
    costs[name] = { processor, median, requests, budget }
    say(`${name}: ${processor.toFixed(2)} ms`)
  }

  const user = { authorization: `Bearer ${token}` }
  const application = (await platform.get(`/v7/application?$select=id&$filter=slug eq '${fleet}'`)).d[0].id
  const provisioning = JSON.parse(
    (
      await ask({
        method: 'POST',
        path: `/api-key/application/${application}/provisioning`,
        key: token,
        body: {},
      })
    ).text,
  )
  const devices: Device[] = Array.from({ length: count }, () => ({
    uuid: randomBytes(16).toString('hex'),
    key: randomBytes(16).toString('hex'),
  }))
  await measure('registration', 4, count, (nth) => ({
    method: 'POST',
    path: '/device/register',
    key: provisioning,
    body: {
      application,
      device_type: 'genericx86-64-ext',
      uuid: devices[nth]!.uuid,
      api_key: devices[nth]!.key,
    },
  }))

  const target = (nth: number): Ask => {
    const { uuid, key } = devices[nth % count]!
    return { method: 'GET', path: `/device/v3/${uuid}/state`, key }
  }
  await measure('target, first time', 1, count, target)
  const tags: string[] = []
  await inParallel(count, async (nth) => {
    tags[nth] = (await ask(target(nth))).headers['etag'] as string
  })
  await measure('target, unchanged', 0.5, 4 * count, (nth) => ({
    ...target(nth),
    headers: { 'if-none-match': tags[nth % count]! },
  }))

  const sample = JSON.parse((await ask(target(0))).text)[devices[0]!.uuid].apps
  const report = (nth: number, body: object): Ask => {
    const { uuid, key } = devices[nth % count]!
    return { method: 'PATCH', path: '/device/v3/state', key, body: { [uuid]: body } }
  }
  await measure('report, two services', 1, 2 * count, (nth) =>
    report(nth, {
      status: 'Idle',
      is_online: true,
      os_version: 'CopalOS 2.0.0',
      supervisor_version: '20.0.0',
      ip_address: `10.0.${nth >> 8}.${nth & 255}`,
      mac_address: '02:00:00:00:00:01',
      cpu_temp: nth % 90,
      memory_usage: nth,
      apps: running(sample, nth < count ? 'Downloading' : 'Running'),
    }),
  )
  await measure('report, four metrics', 0.4, 2 * count, (nth) =>
    report(nth, { cpu_temp: nth % 91, cpu_usage: nth % 100, memory_usage: nth, storage_usage: nth % 999 }),
  )
  await measure('ten log lines', 0.3, 2 * count, (nth) => {
    const { uuid, key } = devices[nth % count]!
    const body = Array.from({ length: 10 }, (_, line) => ({
      message: `line ${line} of a service that prints what services print`,
      timestamp: Date.now(),
      serviceId: 1,
      isStdErr: false,
    }))
    return { method: 'POST', path: `/device/v2/${uuid}/logs`, key, body }
  })

  const expands = [
    'belongs_to__application($select=slug)',
    'is_of__device_type($select=slug)',
    'is_running__release($select=commit)',
    'should_be_running__release($select=commit)',
    'image_install($select=id,status)',
    'device_tag($select=tag_key,value)',
  ].join(',')
  const page = (skip: number) => () => ({
    method: 'GET',
    path: `/v7/device?$select=id,uuid,device_name,is_online&$orderby=id asc&$top=20&$skip=${skip}&$expand=${expands}`,
    key: '',
    headers: user,
  })
  await measure('20 devices, six expands', 2, 400, page(0))
  await measure('the same, the last 20', 2, 400, page(count - 20))
  agent.destroy()
  return costs
}

/** @returns a session token of the administrator */
async function release(platform: Platform): Promise<string> {
  await platform.copal('fleet', 'create', 'bench-devices', '--type', 'genericx86-64-ext')
  const dockerfile = 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n'
  const project = await platform.project({
    'docker-compose.yml': 'services:\n  web:\n    build: web\n  worker:\n    build: worker\n',
    'web/Dockerfile': dockerfile,
    'web/hello': 'web',
    'worker/Dockerfile': dockerfile,
    'worker/hello': 'worker',
  })
  const pushed = await project.push(fleet)
  if (pushed.code !== 0) throw new Error(`the push failed:\n${pushed.stderr}`)
  return platform.token
}

/** The target state as a report says it: `releases` with the state of each service. */
function running(apps: Record<string, any>, status: string): Record<string, object> {
  return Object.fromEntries(
    Object.entries(apps).map(([uuid, { releases }]) => {
      const [commit, { services }] = Object.entries<any>(releases)[0]!
      const states = Object.entries<any>(services).map(([name, { image }]) => [name, { image, status }])
      return [
        uuid,
        {
          release_uuid: commit,
          releases: { [commit]: { update_status: 'done', services: Object.fromEntries(states) } },
        },
      ]
    }),
  )
}

async function inParallel(count: number, work: (nth: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

function answerTo(port: number, agent: Agent, { method, path, key, body, headers }: Ask) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    text: string
    headers: Record<string, unknown>
  }>()
  const asking = request(
    {
      port,
      agent,
      method,
      path: encodeURI(path),
      headers: {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    },
    (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => resolve({ status: response.statusCode!, text, headers: response.headers }))
    },
  )
  asking.once('error', reject)
  asking.end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}

// A device under test: the real supervisor as a process of its own, against the real engine and a test platform.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { listContainers, removeContainer, type ContainerSummary } from '@copal/engine/containers.ts'
import { engineFromEnvironment } from '@copal/engine/engine.ts'
import { listImages, removeImage } from '@copal/engine/images.ts'
import { listNetworks, removeNetwork } from '@copal/engine/networks.ts'
import { tinyRoot } from '@copal/engine/testing/tiny-image.ts'
import { listVolumes, removeVolume } from '@copal/engine/volumes.ts'
import { TestPlatform } from './platform.ts'
import { TestRegistry, type TestImage } from './registry.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

export interface BenchService {
  image: TestImage
  composition?: Record<string, unknown>
  environment?: Record<string, string>
  labels?: Record<string, string>
  running?: boolean
}

export class Bench {
  readonly engine = engineFromEnvironment()
  readonly namespace = `copal-test-${randomBytes(6).toString('hex')}`
  readonly app = randomBytes(16).toString('hex')
  readonly appId = randomInt(1_000_000, 2_000_000_000)
  readonly platform: TestPlatform
  readonly registry: TestRegistry
  readonly folder: string
  output = ''
  #process: ChildProcess | undefined
  #program = [process.execPath, main]
  #images = 0
  readonly #releases: string[] = []

  private constructor(platform: TestPlatform, registry: TestRegistry, folder: string) {
    this.platform = platform
    this.registry = registry
    this.folder = folder
  }

  static async start(): Promise<Bench> {
    const chunks: Buffer[] = []
    for await (const chunk of await tinyRoot()) chunks.push(chunk as Buffer)
    const platform = await TestPlatform.start()
    const registry = new TestRegistry(
      Buffer.concat(chunks),
      (user, password) => user === `d_${platform.uuid}` && password === platform.key,
    )
    platform.registry = registry
    const folder = await mkdtemp(join(tmpdir(), 'copal-supervisor-'))
    const bench = new Bench(platform, registry, folder)
    await mkdir(join(folder, 'boot'))
    const config = {
      apiEndpoint: platform.endpoint,
      applicationId: bench.appId,
      apiKey: 'provisioning',
      bootstrapRetryDelay: 200,
    }
    await writeFile(bench.config, JSON.stringify(config))
    await writeFile(join(folder, 'boot/device-type.json'), '{"slug":"virtual","arch":"amd64"}')
    return bench
  }

  get config(): string {
    return join(this.folder, 'boot/config.json')
  }

  /** Another program than the sources as they lie. */
  use(...program: string[]): void {
    this.#program = program
  }

  /** Starts the supervisor; `registered` waits until it has a place on the platform. */
  async boot(): Promise<void> {
    const [command = process.execPath, ...rest] = this.#program
    const child = spawn(command, rest, {
      env: {
        PATH: process.env['PATH'],
        DOCKER_HOST: process.env['DOCKER_HOST'],
        COPAL_BOOT: join(this.folder, 'boot'),
        COPAL_STATE: join(this.folder, 'state'),
        COPAL_DATA: this.folder,
        COPAL_HOST_ROOT: '/',
        COPAL_LISTEN_PORT: '0',
        COPAL_NAMESPACE: this.namespace,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const keep = (data: Buffer) => (this.output += data)
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#process = child
    await this.until('the device is registered', () => this.platform.uuid !== '')
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Ends the supervisor; gives how long it took, in ms. */
  async end(signal: NodeJS.Signals): Promise<number> {
    const child = this.#process
    if (child === undefined || !this.isRunning) return 0
    const began = Date.now()
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    return Date.now() - began
  }

  /** An image that runs a line of shell, with layers of so many bytes on top. */
  image(
    script = 'echo up; trap "exit 0" TERM; while :; do sleep 0.2; done',
    sizes: number[] = [],
  ): TestImage {
    return this.registry.add(script, `${this.namespace}-${++this.#images}`, sizes)
  }

  /** Makes this release the target. Its id is of this bench alone, for names of containers are the engine's. */
  release(
    commit: string,
    services: Record<string, BenchService>,
    parts: { volumes?: Record<string, unknown>; networks?: Record<string, unknown> } = {},
  ): void {
    const id = this.idOf(commit)
    const entries = Object.entries(services).map(([name, service], index) => {
      const { image, composition = {}, environment = {}, labels = {}, running = true } = service
      const reference = `127.0.0.1:${this.platform.port}/${image.location}`
      return [
        name,
        {
          id: 100 + index,
          image_id: id + index,
          image: reference,
          running,
          environment,
          labels,
          composition,
        },
      ]
    })
    const release = { id, services: Object.fromEntries(entries), ...parts }
    const app = { id: this.appId, name: 'test', class: 'fleet', releases: { [commit]: release } }
    this.platform.setTarget({ [this.app]: app })
  }

  idOf(commit: string): number {
    const known = this.#releases.indexOf(commit)
    return this.appId + (known === -1 ? this.#releases.push(commit) - 1 : known) * 100
  }

  /** Name of the container of a release's service, the services counted from 0. */
  nameOf(service: string, index: number, commit: string): string {
    return `${service}_${this.idOf(commit) + index}_${this.idOf(commit)}_${commit}`
  }

  async containers(): Promise<ContainerSummary[]> {
    return listContainers(this.engine, { all: true, filters: this.filter })
  }

  get filter() {
    return { label: [`io.copal.namespace=${this.namespace}`] }
  }

  /** Names of containers with their states. */
  async states(): Promise<Record<string, string>> {
    const list = await this.containers()
    return Object.fromEntries(list.map(({ Names, State }) => [Names[0]?.slice(1) ?? '', State]))
  }

  /** Digests of the images of ours that the engine has. */
  async digests(): Promise<string[]> {
    return (await this.#imageNames()).map((name) => name.slice(name.indexOf('@') + 1))
  }

  /** Names of the images that came from our registry, by whatever way. */
  async #imageNames(): Promise<string[]> {
    return (await listImages(this.engine))
      .flatMap(({ RepoDigests }) => RepoDigests ?? [])
      .filter((name) => this.registry.locations.some((location) => name.endsWith(`/${location}`)))
  }

  /** Files of downloads that are under way. */
  async downloads(): Promise<string[]> {
    const folder = join(this.folder, 'downloads')
    const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
    return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  }

  /** As after a cut of power: as long as they were, with nothing in them. */
  async damageDownloads(): Promise<void> {
    for (const path of await this.downloads()) {
      const { size } = await stat(path)
      await writeFile(path, Buffer.alloc(size))
    }
  }

  statusOf(commit: string, service?: string): string | undefined {
    const release = this.platform.reported.apps?.[this.app]?.releases[commit]
    return service === undefined ? release?.update_status : release?.services[service]?.status
  }

  /** Waits until the device says that it runs a release whole. */
  async runs(commit: string, ms = 30_000): Promise<void> {
    const done = () =>
      this.platform.reported.apps?.[this.app]?.release_uuid === commit && this.statusOf(commit) === 'done'
    await this.until(`release ${commit} runs`, done, ms)
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
    const end = Date.now() + ms
    while (!(await condition())) {
      if (Date.now() > end) {
        const said = JSON.stringify(this.platform.reported.apps)
        throw new Error(`not within ${ms} ms: ${what}\n${said}\n${this.output.slice(-4000)}`)
      }
      await sleep(25)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
    for (const { Id } of await this.containers()) {
      await removeContainer(this.engine, Id, { force: true, volumes: true })
    }
    for (const { Name } of await listVolumes(this.engine, this.filter)) await removeVolume(this.engine, Name)
    for (const { Id } of await listNetworks(this.engine, this.filter)) await removeNetwork(this.engine, Id)
    for (const name of await this.#imageNames()) await removeImage(this.engine, name, { force: true })
    await this.platform.down()
    await rm(this.folder, { recursive: true, force: true })
    await rm(`/tmp/balena-supervisor/services/${this.appId}`, { recursive: true, force: true })
    this.engine[Symbol.dispose]()
  }
}

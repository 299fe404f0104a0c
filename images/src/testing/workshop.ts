// What the tests of made images share: the engine, how to make, and containers that go away at the end.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createContainer, removeContainer, startContainer, waitContainer } from '@copal/engine/containers.ts'
import type { ContainerSpec } from '@copal/engine/containers.ts'
import { engineFromEnvironment } from '@copal/engine/engine.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { createNetwork, inspectNetwork, removeNetwork } from '@copal/engine/networks.ts'
import { frames } from '@copal/engine/streams.ts'
import { removeVolume } from '@copal/engine/volumes.ts'
import { readMachineSettings } from '../machine-settings.ts'
import type { Making } from '../make-image.ts'

export async function startMaking(): Promise<Making> {
  return { engine: engineFromEnvironment(), settings: readMachineSettings, say: () => {} }
}

/** A folder, a network, and a list of what else must go. */
export interface Workshop extends AsyncDisposable {
  name: string
  folder: string
  /** The host's address on the network. */
  gateway: string
  containers: string[]
  volumes: string[]
}

export async function openWorkshop(engine: Engine): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'copal-images-'))
  const name = `copal-test-${process.pid}-${folder.slice(-6)}`
  await createNetwork(engine, { Name: name })
  const { IPAM } = await inspectNetwork(engine, name)
  const workshop: Workshop = {
    name,
    folder,
    gateway: IPAM.Config?.[0]?.Gateway ?? '',
    containers: [],
    volumes: [],
    async [Symbol.asyncDispose]() {
      for (const one of workshop.containers)
        await removeContainer(engine, one, { force: true, volumes: true }).catch(ignore)
      for (const one of workshop.volumes) await removeVolume(engine, one).catch(ignore)
      await removeNetwork(engine, name).catch(ignore)
      await rm(folder, { recursive: true, force: true })
    },
  }
  return workshop
}

/** Runs a container to its end and gives what it printed. */
export async function runOnce(
  engine: Engine,
  spec: ContainerSpec,
): Promise<{ status: number; output: string }> {
  const id = await createContainer(engine, spec)
  try {
    await startContainer(engine, id)
    const status = await waitContainer(engine, id)
    return { status, output: await outputOf(engine, id) }
  } finally {
    await removeContainer(engine, id, { force: true })
  }
}

export async function outputOf(engine: Engine, container: string): Promise<string> {
  const stream = await engine.request('GET', `/containers/${container}/logs`, {
    query: { stdout: true, stderr: true },
  })
  let text = ''
  for await (const { data } of frames(stream)) text += data.toString()
  return text
}

/** Asks again until the answer is not `undefined`. @throws Error with `what` after `seconds` */
export async function eventually<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  while (Date.now() < end) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    await sleep(200)
  }
  throw new Error(`not within ${seconds} s: ${what}`, { cause: last })
}

function ignore(): void {}

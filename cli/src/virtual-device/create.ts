import { createContainer, putArchive, removeContainer } from '@copal/engine/containers.ts'
import type { Engine } from '@copal/engine/engine.ts'
import { isConflict, isOutOfAddresses, outOfAddresses } from '@copal/engine/errors.ts'
import { createNetwork } from '@copal/engine/networks.ts'
import { readPowers } from '@copal/engine/powers.ts'
import { createVolume, removeVolume } from '@copal/engine/volumes.ts'
import { pack } from 'tar-stream'
import { bootFiles, describeDevice, deviceLabel, deviceNetwork, volumeNames } from './describe.ts'
import type { VirtualDeviceOptions } from './describe.ts'

/**
 * Makes a virtual device on an engine of this machine; `startVirtualDevice` switches it on.
 * @returns its uuid
 * @throws Error when there is one of that uuid
 */
export async function createVirtualDevice(engine: Engine, options: VirtualDeviceOptions): Promise<string> {
  const { uuid } = options.configJson
  await haveNetwork(engine)
  const spec = describeDevice(options, readPowers())
  const volumes = Object.values(volumeNames(uuid))
  for (const Name of volumes) await createVolume(engine, { Name, Labels: { [deviceLabel]: uuid } })
  let container: string
  try {
    container = await createContainer(engine, spec)
  } catch (error) {
    // The volumes are the other one's when there is another one.
    if (isConflict(error))
      throw new Error(`cannot make virtual device ${uuid.slice(0, 7)}: it exists`, { cause: error })
    await Promise.all(volumes.map((name) => removeVolume(engine, name).catch(() => {})))
    throw error
  }
  try {
    await putArchive(engine, container, '/mnt/boot', await tarOf(bootFiles(options)))
  } catch (error) {
    await removeContainer(engine, container, { force: true })
    await Promise.all(volumes.map((name) => removeVolume(engine, name).catch(() => {})))
    throw error
  }
  return uuid
}

async function haveNetwork(engine: Engine): Promise<void> {
  try {
    await createNetwork(engine, { Name: deviceNetwork, Labels: { 'io.copal.network': 'virtual-devices' } })
  } catch (error) {
    if (isOutOfAddresses(error))
      throw new Error(`cannot make a network for virtual devices: ${outOfAddresses}`, { cause: error })
    if (!isConflict(error)) throw error
  }
}

async function tarOf(files: Record<string, string>): Promise<Uint8Array> {
  const tar = pack()
  for (const [name, text] of Object.entries(files)) tar.entry({ name, mode: 0o600 }, text)
  tar.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of tar) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

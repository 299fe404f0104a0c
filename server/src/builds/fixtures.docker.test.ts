// Every project of compose/fixtures is pushed for real, and becomes what its line in compose/testing/fixtures.ts says.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createGunzip } from 'node:zlib'
import { FATES, type Fate, type Made } from '../../../compose/testing/fixtures.ts'
import { fixture } from '../../../compose/testing/projects.ts'
import { findManifest } from '../registry/manifests.ts'
import type { TestServer } from '../test-server.ts'
import { readTarEntries } from './tar-read.ts'
import { archiveOf, archiveOfProject, buildingServer, push, seedFleet, type Pushed } from './test-push.ts'

const slow = { timeout: 600_000 } // a fresh machine makes builder and bases first
const each = { timeout: 120_000 }

let server: TestServer
const sql = (...query: Parameters<TestServer['ctx']['db']['sql']>) => server.ctx.db.sql(...query)

before(async () => {
  server = await buildingServer({ COPAL_BUILDS_AT_ONCE: '2' })
  await seedFleet(server, 'kiosk', 'amd64', 'genericx86-64-ext')
  const bases = 'FROM copal/amd64-node:20 AS a\nFROM copal/amd64-python:3\nCOPY --from=a /etc/os-release /x\n'
  assert.equal((await push(server, 'admin/kiosk', archiveOf({ Dockerfile: bases }))).error, undefined)
}, slow)
after(() => server?.[Symbol.asyncDispose]())

describe('projects as they are seen in the wild', { concurrency: 2 }, () => {
  for (const [name, fate] of Object.entries(FATES)) {
    test(`${name} ${told(fate)}`, each, async () => {
      const pushed = await push(server, await fleetFor(name, fate), await archiveOfProject(fixture(name)))
      if ('refused' in fate) {
        assert.match(pushed.error ?? 'it was built', fate.refused)
        assert.equal(pushed.release, undefined, 'what is refused while it is read makes no release')
      } else if (fate.builds) await checkMade(pushed, fate)
      // Where those registries can be reached it builds.
      else if (pushed.error !== undefined)
        assert.ok(
          fate.from.some((image) => pushed.error!.includes(image)),
          pushed.error,
        )
    })
  }
})

function told(fate: Fate): string {
  if ('refused' in fate) return 'is refused with a sentence'
  return fate.builds ? 'is built' : `is built, or names what cannot be fetched of ${fate.from.join(', ')}`
}

/** A project in a folder has a fleet of its own, which says where it is. */
async function fleetFor(name: string, fate: Fate): Promise<string> {
  if (!('projectDirectory' in fate) || fate.projectDirectory === undefined) return 'admin/kiosk'
  const application = await seedFleet(server, name, 'amd64', 'genericx86-64-ext')
  const variable = { application, name: 'COPAL_PROJECT_DIRECTORY', value: fate.projectDirectory }
  await server.call('POST', '/v7/build_environment_variable', variable)
  return `admin/${name}`
}

interface Image {
  service: string
  location: string
  digest: string
  kind: string
  log: string
  deviceLabels: Record<string, string>
  deviceEnv: Record<string, string>
}

async function checkMade(pushed: Pushed, fate: Extract<Fate, { builds: true }>): Promise<void> {
  assert.equal(pushed.error, undefined)
  const [release] = await sql`select status, semver from release where id = ${pushed.release!}`
  assert.equal(release!.status, 'success')
  if (fate.version) assert.equal(release!.semver, fate.version)
  const images = (await sql`
    select s.service_name as service, i.location, i.content_hash as digest, i.project_type as kind, i.build_log as log,
      (select coalesce(json_object_agg(label_name, value), '{}') from image_label where release_image = ri.id) as "deviceLabels",
      (select coalesce(json_object_agg(name, value), '{}') from image_environment_variable where release_image = ri.id) as "deviceEnv"
    from release_image ri join image i on i.id = ri.image join service s on s.id = i.is_a_build_of__service
    where ri.is_part_of__release = ${pushed.release!}`) as unknown as Image[]
  const named = Object.keys(fate.made)
  if (named.length > 0) assert.deepEqual(images.map(({ service }) => service).toSorted(), named.toSorted())
  for (const image of images) await checkImage(image, fate.made[image.service] ?? {})
}

async function checkImage(image: Image, made: Made): Promise<void> {
  const { config, layers } = await manifestOf(image)
  assert.equal(config.os, 'linux')
  assert.equal(config.architecture, 'amd64')
  if (made.kind) assert.equal(image.kind, made.kind)
  if (made.command !== undefined) assert.deepEqual(config.config.Cmd ?? null, made.command)
  if (made.entrypoint !== undefined) assert.deepEqual(config.config.Entrypoint ?? null, made.entrypoint)
  for (const line of made.env ?? [])
    assert.ok(config.config.Env.includes(line), `${line} in ${config.config.Env}`)
  if (made.printed) assert.match(image.log, made.printed)
  assert.deepEqual(some(config.config.Labels, made.labels), made.labels ?? {})
  assert.deepEqual(some(image.deviceLabels, made.deviceLabels), made.deviceLabels ?? {})
  assert.deepEqual(some(image.deviceEnv, made.deviceEnv), made.deviceEnv ?? {})
  if (made.files) assert.deepEqual(await filesIn(layers), made.files)
}

/** What `all` has under the names of `wanted`. */
const some = (all: Record<string, string> | null, wanted: Record<string, string> = {}) =>
  Object.fromEntries(Object.keys(wanted).map((name) => [name, all?.[name]]))

async function manifestOf({ location, digest }: Image): Promise<{ config: any; layers: string[] }> {
  const manifest = JSON.parse((await findManifest(server.ctx, location, digest))!.content.toString())
  const config = Buffer.concat(await (await server.ctx.blobs.read(manifest.config.digest)).toArray())
  return {
    config: JSON.parse(config.toString()),
    layers: manifest.layers.map((layer: { digest: string }) => layer.digest),
  }
}

async function filesIn(layers: string[]): Promise<string[]> {
  const files: string[] = []
  for (const layer of layers)
    await readTarEntries((await server.ctx.blobs.read(layer)).pipe(createGunzip()), {
      entry({ path, type, linkTarget }) {
        if (type !== 'directory') files.push(type === 'link' ? `${path} -> ${linkTarget}` : path)
      },
      content() {},
    })
  return files.toSorted()
}

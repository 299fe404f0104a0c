import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Platform } from './platform.ts'
import { makeAuthority, serveSigned, signedBy, type Authority } from './testing/authority.ts'

const ours = makeAuthority('ours')
const skip = ours === undefined ? 'openssl is not installed' : false

const encoded = (...authorities: Authority[]) =>
  Buffer.from(authorities.map(({ certificate }) => certificate).join('')).toString('base64')

async function hello(endpoint: string, rootCa?: string, given?: string): Promise<string> {
  const platform = new Platform(endpoint, 'k', rootCa, given)
  try {
    return (await platform.ask('GET', '/')).text
  } finally {
    platform.close()
  }
}

/** A file of authorities that the machine was given. */
async function given(t: TestContext, { certificate }: Authority): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'copal-given-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'authorities.pem'), certificate)
  return join(folder, 'authorities.pem')
}

test(
  'a platform whose certificate is signed by the authority of config.json is believed',
  { skip },
  async (t) => {
    const { endpoint } = await serveSigned(t, ours!)
    assert.equal(await hello(endpoint, encoded(ours!)), 'hello')
  },
)

test(
  'a platform with a public certificate is believed, also where config.json names another authority',
  { skip },
  async (t) => {
    const known = makeAuthority('public')!
    const { endpoint } = await serveSigned(t, known)
    assert.equal(await hello(endpoint, encoded(ours!), await given(t, known)), 'hello')
  },
)

test('a platform whose certificate nobody signed that we know is not believed', { skip }, async (t) => {
  const { endpoint } = await serveSigned(t, makeAuthority('stranger')!)
  await assert.rejects(hello(endpoint), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  await assert.rejects(hello(endpoint, encoded(ours!)), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
})

test(
  'an authority that took the name of ours is not believed, and is when the machine believes it',
  { skip },
  async (t) => {
    const successor = makeAuthority('ours')!
    const { endpoint } = await serveSigned(t, successor)
    await assert.rejects(hello(endpoint, encoded(ours!)))
    assert.equal(await hello(endpoint, encoded(ours!), await given(t, successor)), 'hello')
  },
)

test(
  'a platform changes over to another authority without a device noticing that was given both',
  { skip },
  async (t) => {
    const successor = makeAuthority('ours')!
    const { endpoint, server } = await serveSigned(t, ours!)
    const platform = new Platform(endpoint, 'k', encoded(ours!, successor))
    t.after(() => platform.close())
    assert.equal((await platform.ask('GET', '/')).text, 'hello')
    const { certificate, key } = signedBy(successor)
    server.setSecureContext({ cert: certificate, key })
    server.closeAllConnections()
    assert.equal((await platform.ask('GET', '/')).text, 'hello')
  },
)

test('a device that went over to public authorities still believes its own', { skip }, async (t) => {
  const known = makeAuthority('public')!
  const { endpoint, server } = await serveSigned(t, known)
  const platform = new Platform(endpoint, 'k', encoded(ours!), await given(t, known))
  t.after(() => platform.close())
  assert.equal((await platform.ask('GET', '/')).text, 'hello')
  const { certificate, key } = signedBy(ours!)
  server.setSecureContext({ cert: certificate, key })
  server.closeAllConnections()
  assert.equal((await platform.ask('GET', '/')).text, 'hello')
})

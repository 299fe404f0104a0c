import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Platform } from './platform.ts'
import { makeAuthority, serveSigned, signedBy, type Authority } from './testing/authority.ts'

const ours = makeAuthority('ours')
const skip = ours === undefined ? 'openssl is not installed' : false

const encoded = (...authorities: Authority[]) =>
  Buffer.from(authorities.map(({ certificate }) => certificate).join('')).toString('base64')

async function hello(endpoint: string, rootCa?: string): Promise<string> {
  const platform = new Platform(endpoint, 'k', rootCa)
  try {
    return (await platform.ask('GET', '/')).text
  } finally {
    platform.close()
  }
}

/** From now on the machine believes this one too, as with `NODE_EXTRA_CA_CERTS`. */
function believe(t: TestContext, { certificate }: Authority): void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate])
  t.after(() => setDefaultCACertificates(before))
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
    believe(t, known)
    assert.equal(await hello(endpoint), 'hello')
    assert.equal(await hello(endpoint, encoded(ours!)), 'hello')
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
    believe(t, successor)
    assert.equal(await hello(endpoint, encoded(ours!)), 'hello')
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
  believe(t, known)
  const platform = new Platform(endpoint, 'k', encoded(ours!))
  t.after(() => platform.close())
  assert.equal((await platform.ask('GET', '/')).text, 'hello')
  const { certificate, key } = signedBy(ours!)
  server.setSecureContext({ cert: certificate, key })
  server.closeAllConnections()
  assert.equal((await platform.ask('GET', '/')).text, 'hello')
})

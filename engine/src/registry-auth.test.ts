import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registryAuthHeader } from './registry-auth.ts'

test('a login is sent in the URL alphabet and with its padding, whatever its length', () => {
  for (const registrytoken of ['', 'a', 'ab', 'abc', '???>>>']) {
    const header = registryAuthHeader({ registrytoken })['x-registry-auth']!
    assert.match(header, /^[\w-]+={0,2}$/)
    assert.equal(header.length % 4, 0)
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), { registrytoken })
  }
})

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findMirrors, isAptTransport, parsePip, readProxies } from './machine-settings.ts'
import { writeSettingsFolder } from './settings-folder.ts'

test("mirrors of a machine's own are found in either format of apt's sources, Debian's own are not", () => {
  const deb822 = 'Types: deb\nURIs: http://mirror.lan/debian/\nSuites: trixie\n'
  const oneLine =
    'deb [signed-by=/x] http://mirror.lan/debian-security trixie-security main\n# deb http://old/debian x main'
  assert.deepEqual(findMirrors(`${deb822}\n${oneLine}`), {
    debianMirror: 'http://mirror.lan/debian',
    debianSecurityMirror: 'http://mirror.lan/debian-security',
  })
  assert.deepEqual(findMirrors('URIs: http://deb.debian.org/debian\n'), {})
})

test("apt's proxies are taken over, files and time-outs of the machine are not", () => {
  assert.ok(isAptTransport('Acquire::http::Proxy "http://proxy.lan:3142";'))
  assert.ok(!isAptTransport('Acquire::https::CaInfo "/etc/ssl/own.pem";'))
  assert.ok(!isAptTransport('APT::Architecture "amd64";'))
})

test("pip's settings are read from what pip prints; the environment goes before", () => {
  assert.deepEqual(
    parsePip("global.index-url='https://a/simple'\nglobal.cert='/x'\n:env:.index-url='https://b/simple'"),
    [{ key: 'index-url', value: 'https://b/simple' }],
  )
})

test('proxies are read in either case', () => {
  assert.deepEqual(readProxies({ HTTPS_PROXY: 'http://p:1', no_proxy: 'lan' }), {
    https_proxy: 'http://p:1',
    no_proxy: 'lan',
  })
})

test('the folder for builds names proxies in the environment, local packages by their new place, and who may be reached', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'copal-settings-'))
  try {
    const written = await writeSettingsFolder(
      folder,
      {
        proxies: { http_proxy: 'http://127.0.0.1:3128' },
        aptLines: ['Acquire::http::Proxy "http://127.0.0.1:3142";'],
        npmLines: [],
        pip: [{ key: 'find-links', value: `${tmpdir()} /not/there` }],
      },
      '/etc/copal/packages',
    )
    assert.deepEqual(written.mounts, [{ source: tmpdir(), target: '/etc/copal/packages/local/0' }])
    assert.deepEqual(written.allowed, ['127.0.0.1:3128', '127.0.0.1:3142'])
    assert.match(await readFile(join(folder, 'pip.conf'), 'utf8'), /^find-links = \/dev\/\.copal\/local\/0$/m)
    const environment = await readFile(join(folder, 'env'), 'utf8')
    assert.match(environment, /^HTTP_PROXY=http:\/\/127\.0\.0\.1:3128$/m)
    assert.match(environment, /^APT_CONFIG=\/dev\/\.copal\/apt\.conf$/m)
    assert.doesNotMatch(environment, /NPM_CONFIG/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canRun, platformOf } from './architectures.ts'
import { formatImageReference, parseImageReference } from './image-reference.ts'

const digest = `sha256:${'0a'.repeat(32)}`

test('names of images are taken apart, and put together again', () => {
  const cases: Record<string, object> = {
    alpine: { repository: 'alpine' },
    'node:20-alpine': { repository: 'node', tag: '20-alpine' },
    'arm32v6/alpine': { repository: 'arm32v6/alpine' },
    [`a/b:c@${digest}`]: { repository: 'a/b', tag: 'c', digest },
    'localhost/a': { registry: 'localhost', repository: 'a' },
    'host:5000/a': { registry: 'host:5000', repository: 'a' },
    'ghcr.io/Owner/x': undefined!,
    'bh.cr/owner/fleet': { registry: 'bh.cr', repository: 'owner/fleet' },
    'bh.cr/owner/fleet-aarch64/1.2.3': { registry: 'bh.cr', repository: 'owner/fleet-aarch64/1.2.3' },
    'bh.cr/owner/fleet/0123456789abcdef0123456789abcdef:latest': {
      registry: 'bh.cr',
      repository: 'owner/fleet/0123456789abcdef0123456789abcdef',
      tag: 'latest',
    },
    'registry2.example/v2/0a1b': { registry: 'registry2.example', repository: 'v2/0a1b' },
  }
  for (const [text, expected] of Object.entries(cases)) {
    const reference = parseImageReference(text)
    assert.deepEqual(reference, expected, text)
    if (reference) assert.equal(formatImageReference(reference), text)
  }
})

test('what no registry could answer to is no name', () => {
  for (const text of [
    '',
    'a b',
    'A',
    'a:',
    ':a',
    'a/',
    '/a',
    'a@b',
    `a@${digest}@${digest}`,
    'a//b',
    '-a',
    'a:b:c',
    'http://a/b',
  ]) {
    assert.equal(parseImageReference(text), undefined, text)
  }
})

test('an image of another processor is fine where the device can run it', () => {
  assert.ok(
    canRun('aarch64', 'linux/arm/v7') &&
      canRun('aarch64', 'linux/arm64/v8') &&
      canRun('armv7hf', 'linux/arm/v6'),
  )
  assert.ok(canRun('amd64', 'linux/386') && canRun('rpi', 'linux/arm'))
  assert.ok(
    !canRun('rpi', 'linux/arm/v7') && !canRun('armv7hf', 'linux/arm64') && !canRun('amd64', 'linux/arm64'),
  )
  for (const architecture of ['rpi', 'armv7hf', 'aarch64', 'i386', 'i386-nlp', 'amd64'] as const) {
    assert.ok(canRun(architecture, platformOf(architecture)), architecture)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { written, read } from '../testing/projects.ts'
import { frontEndOf, isBuiltIn } from './front-end.ts'

test('a front end is asked for by a directive at the top, and nowhere else', () => {
  assert.deepEqual(frontEndOf('# syntax=docker/dockerfile:1\nFROM a\n'), {
    image: 'docker/dockerfile:1',
    line: 1,
  })
  assert.deepEqual(frontEndOf('#!/bin/x\r\n# escape=`\r\n#Syntax = a/b\r\nFROM a\r\n'), {
    image: 'a/b',
    line: 3,
  })
  assert.deepEqual(frontEndOf('// syntax=a/b\n'), { image: 'a/b', line: 1 })
  assert.equal(frontEndOf('# a comment\n# syntax=a/b\nFROM a\n'), undefined)
  assert.equal(frontEndOf('FROM a\n# syntax=a/b\n'), undefined)
})

test("releases of Docker's own are the engine's", () => {
  for (const image of [
    'docker/dockerfile',
    'docker/dockerfile:1.7-labs',
    'docker.io/docker/dockerfile@sha256:ab',
  ])
    assert.ok(isBuiltIn(image), image)
  for (const image of ['docker/dockerfile2', 'x/docker/dockerfile', 'localhost/docker/dockerfile:1'])
    assert.ok(!isBuiltIn(image), image)
})

test('another front end is refused with file, line and service, also where a build argument asks for it', async () => {
  const asked = written({ Dockerfile: '# escape=\\\n# syntax=evil/front-end:1\nFROM scratch\n' })
  await assert.rejects(
    read(asked),
    /^ProjectError: cannot read the Dockerfile with evil\/front-end:1 \(Dockerfile, line 2, service main\): .* · remove the syntax line$/,
  )
  const plain = written({ Dockerfile: 'FROM scratch\n' })
  await assert.rejects(
    read(plain, { buildVariables: { BUILDKIT_SYNTAX: 'evil/front-end' } }),
    /^ProjectError: cannot read the Dockerfile with evil\/front-end \(service main\)/,
  )
  const { services } = await read(plain, {
    buildVariables: { BUILDKIT_SYNTAX: 'docker/dockerfile:1', A: '1' },
  })
  assert.deepEqual(services[0]!.build!.args, { A: '1' })
})

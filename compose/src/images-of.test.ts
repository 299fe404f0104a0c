import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imagesOf, baseImagesOf } from './images-of.ts'
import { platformArguments } from './architectures.ts'
import { ProjectError } from './project-error.ts'

test('an argument above the first FROM names the base image, by its default or by a build argument', () => {
  const dockerfile = 'ARG BASE=node\nARG TAG="20"\nFROM ${BASE}:$TAG\n'
  assert.deepEqual(imagesOf(dockerfile, {}), ['node:20'])
  assert.deepEqual(imagesOf(dockerfile, { TAG: '22' }), ['node:22'])
})

test('a default and an alternative inside FROM are heeded', () => {
  const dockerfile = 'ARG TAG\nARG DEBUG\nFROM alpine:${TAG:-3.20}${DEBUG:+-debug}\n'
  assert.deepEqual(imagesOf(dockerfile, {}), ['alpine:3.20'])
  assert.deepEqual(imagesOf(dockerfile, { TAG: 'edge', DEBUG: '1' }), ['alpine:edge-debug'])
})

test('an argument below a FROM is not known to the next FROM', () => {
  assert.throws(
    () => imagesOf('FROM a\nARG B=b\nFROM $B\n', {}),
    /^ProjectError: cannot tell the base image from \$B .*line 3/,
  )
})

test('earlier stages and scratch are no images', () => {
  const dockerfile =
    'FROM golang AS build\nFROM build as test\nFROM scratch\nCOPY --from=test /a /a\nCOPY --from=0 /b /b\n'
  assert.deepEqual(imagesOf(dockerfile, {}), ['golang'])
})

test('stages that the target does not need are not asked for', () => {
  const dockerfile = [
    'ARG BALENA_ARCH=aarch64',
    'FROM block/amd64 AS base-amd64',
    'FROM block/aarch64 AS base-aarch64',
    'FROM base-${BALENA_ARCH} AS final',
  ].join('\n')
  assert.deepEqual(imagesOf(dockerfile, {}), ['block/aarch64'])
  assert.deepEqual(imagesOf(dockerfile, { BALENA_ARCH: 'amd64' }), ['block/amd64'])
  assert.deepEqual(imagesOf(dockerfile, {}, 'base-amd64'), ['block/amd64'])
})

test('COPY --from and RUN --mount may name images', () => {
  const dockerfile =
    'FROM alpine\nCOPY --chown=1:1 --from=nginx:1 /a /b\nRUN --mount=type=bind,from=busybox,target=/x ls\n'
  assert.deepEqual(imagesOf(dockerfile, {}), ['alpine', 'nginx:1', 'busybox'])
})

test('a stage that is named like an image is that stage only below its name', () => {
  assert.deepEqual(imagesOf('FROM alpine AS alpine\nFROM alpine\n', {}), ['alpine'])
})

test('FROM --platform is told apart from the name, with the arguments that engines give', () => {
  const buildArgs = platformArguments('armv7hf', 'amd64')
  assert.deepEqual(
    baseImagesOf('FROM --platform=$BUILDPLATFORM rust AS b\nFROM debian:${TARGETARCH}\nCOPY --from=b / /\n', {
      buildArgs,
    }),
    [
      { image: 'rust', platform: 'linux/amd64', line: 1 },
      { image: 'debian:arm', line: 2 },
    ],
  )
})

test('comments in a continuation, blanks behind a backslash and CRLF do no harm', () => {
  const dockerfile =
    'from \\  \r\n# which one?\r\n\r\n  node:20 \\\t\r\n  as web\r\nRUN a && \\\r\n# FROM no\r\n b\r\nFROM web'
  assert.deepEqual(imagesOf(dockerfile, {}), ['node:20'])
})

test('what a heredoc holds is no instruction', () => {
  assert.deepEqual(
    imagesOf('FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY <<-"X" /y\n\tFROM c\n\tX\nCOPY --from=d / /\n', {}),
    ['a', 'd'],
  )
})

test('another escape character is heeded', () => {
  assert.deepEqual(imagesOf('# escape=`\nFROM `\n a\nRUN dir C:\\\nCOPY --from=b / /\n', {}), ['a', 'b'])
})

test('a Dockerfile without FROM, or without the target, is refused with a sentence', () => {
  assert.throws(() => imagesOf('# nothing\n', {}), /cannot build \(Dockerfile\): there is no FROM/)
  assert.throws(() => imagesOf('FROM a AS one\n', {}, 'two'), /cannot build the target two .*there are one/)
})

test('whatever stands in a Dockerfile, only a ProjectError comes of it', () => {
  const pieces = [
    'FROM',
    'from a as b',
    ' ',
    '\\',
    '\n',
    '$',
    '${',
    '}',
    ':-',
    '"',
    '--from=',
    'COPY',
    'RUN',
    '<<E',
    'ARG X=',
    '#',
    '`',
    '\0',
    'é',
    '--mount=from=',
  ]
  let seed = 7
  const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: next(30) }, () => pieces[next(pieces.length)]).join(next(2) ? ' ' : '')
    try {
      imagesOf(text, { X: '$X' })
    } catch (error) {
      assert.ok(error instanceof ProjectError, `${JSON.stringify(text)}: ${error}`)
    }
  }
})

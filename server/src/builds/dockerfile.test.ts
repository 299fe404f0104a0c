import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainName, prepareDockerfile } from './dockerfile.ts'

test("a syntax line is left to the engine's own front end, and every line keeps its number", () => {
  const text = '# syntax=docker/dockerfile:1.7-labs\n# escape=`\nFROM a\nRUN b `\n c\n'
  assert.equal(prepareDockerfile(text, []), '# escape=`\n#\nFROM a\nRUN b `\n c\n')
  assert.equal(prepareDockerfile('#!/x\n# syntax=docker/dockerfile:1\nFROM a\n', []), '#!/x\n#\nFROM a\n')
  assert.equal(prepareDockerfile('# escape=`\n# syntax=docker/dockerfile:1', []), '# escape=`\n#')
  const comment = 'FROM a\n# syntax=docker/dockerfile:1\n'
  assert.equal(prepareDockerfile(comment, []), comment)
})

test('build secrets are there in every RUN, also one that says nothing of them', () => {
  const text =
    'FROM a\nrun one\nRUN \\\n  two\nRUN --network=none three\nRUN ["four"]\nCMD run\nRUN <<X\nRUN no\nX\n'
  const mount = '--mount=type=secret,id=k,target=/run/secrets/k'
  assert.equal(
    prepareDockerfile(text, ['k']),
    `FROM a\nrun ${mount} one\nRUN ${mount} \\\n  two\nRUN ${mount} --network=none three\nRUN ${mount} ["four"]\nCMD run\nRUN ${mount} <<X\nRUN no\nX\n`,
  )
})

test('the engine is given a Dockerfile by its plain name', () => {
  assert.equal(plainName('Dockerfile.template', ''), 'Dockerfile')
  assert.equal(plainName('web/Dockerfile.raspberrypi3-64', 'web'), 'Dockerfile')
  assert.equal(plainName('web/docker/x.template', 'web'), 'docker/x')
  assert.equal(plainName('web/x.dev', 'web'), 'x.dev')
})

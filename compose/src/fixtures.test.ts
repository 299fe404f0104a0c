import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FATES, type Fate } from '../testing/fixtures.ts'
import { fixture, fixtureNames, read } from '../testing/projects.ts'
import { platformArguments } from './architectures.ts'
import { imagesOf } from './images-of.ts'
import { ProjectError } from './project-error.ts'
import type { Project } from './read-project.ts'

test('every fixture has its fate written down', () => {
  assert.deepEqual(fixtureNames(), Object.keys(FATES).toSorted())
})

for (const [name, fate] of Object.entries(FATES)) {
  test(`${name} ${told(fate)}`, async () => {
    const project = read(
      fixture(name),
      'projectDirectory' in fate ? { projectDirectory: fate.projectDirectory! } : {},
    )
    if ('refused' in fate) {
      return assert.rejects(project, (error) => {
        assert.ok(error instanceof ProjectError, String(error))
        assert.match(error.message, fate.refused)
        return true
      })
    }
    const images = imagesIn(await project)
    if (fate.builds)
      assert.deepEqual(
        images.filter((image) => !/^copal\/amd64-(node:20|python:3)$/.test(image)),
        [],
      )
    else assert.deepEqual(images, fate.from)
  })
}

function told(fate: Fate): string {
  if ('refused' in fate) return 'is refused with a sentence'
  return fate.builds ? 'is read, and needs no image of others' : `is read, and needs ${fate.from.join(', ')}`
}

function imagesIn({ services }: Project): string[] {
  return services.flatMap(({ image, build }) => {
    if (!build) return [image!]
    return imagesOf(build.dockerfile.content, { ...platformArguments('amd64'), ...build.args }, build.target)
  })
}

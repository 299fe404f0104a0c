import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatSemver,
  parseSemver,
  rawVersion,
  releaseVersion,
  type VersionColumns,
} from './release-version.ts'

const created = new Date(1_700_000_000_000)

function release(semver: string, revision: number | null, variant = ''): VersionColumns {
  const { major, minor, patch, prerelease, build } = parseSemver(semver)!
  return {
    semver_major: major,
    semver_minor: minor,
    semver_patch: patch,
    semver_prerelease: prerelease,
    semver_build: build,
    variant,
    revision,
    created_at: created,
  }
}

test('a version is read as semver.org writes it, a v in front does no harm', () => {
  assert.deepEqual(parseSemver('1.2.3-rc.1+linux.7'), {
    major: 1,
    minor: 2,
    patch: 3,
    prerelease: 'rc.1',
    build: 'linux.7',
  })
  assert.equal(formatSemver(parseSemver('v10.20.30')!), '10.20.30')
  assert.equal(formatSemver(parseSemver(' 1.0.0-alpha-x+001 ')!), '1.0.0-alpha-x+001')
})

test('what is no version is refused', () => {
  const wrong = [
    '',
    '1',
    '1.2',
    '1.2.3.4',
    '01.2.3',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3-a..b',
    '1.2.3+',
    '1.2.3+a+b',
    '1.2.3 x',
    '99999999999.0.0',
    'latest',
  ]
  for (const text of wrong) assert.equal(parseSemver(text), undefined, text)
})

test('the first final release of a version carries no revision, later ones do', () => {
  assert.equal(rawVersion(release('1.2.3', 0)), '1.2.3')
  assert.equal(rawVersion(release('1.2.3', 2)), '1.2.3+rev2')
  assert.equal(rawVersion(release('1.2.3', 2, 'dev')), '1.2.3+rev2.dev')
  assert.equal(rawVersion(release('1.2.3', 0, 'dev')), '1.2.3+dev')
  assert.equal(rawVersion(release('1.2.3+rev2', 2)), '1.2.3+rev2')
  assert.equal(rawVersion(release('1.2.3+git.7', 1)), '1.2.3+git.7.rev1')
})

test('a draft carries the moment of its creation', () => {
  assert.equal(rawVersion(release('1.2.3', null)), '1.2.3-1700000000000')
  assert.equal(rawVersion(release('1.2.3-rc.1', null)), '1.2.3-rc.1.1700000000000')
})

test('the version object says what the raw version says', () => {
  assert.deepEqual(releaseVersion(release('1.2.3-rc.1', 1)), {
    raw: '1.2.3-rc.1+rev1',
    major: 1,
    minor: 2,
    patch: 3,
    prerelease: ['rc', 1],
    build: ['rev1'],
    version: '1.2.3-rc.1',
  })
})

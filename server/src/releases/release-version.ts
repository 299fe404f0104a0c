// What a release is called. Pure: the same rules for the API, for tags on a terminal and for the numbering of revisions.

export interface Semver {
  major: number
  minor: number
  patch: number
  /** As written, identifiers joined by dots; '' for none. */
  prerelease: string
  build: string
}

const largest = 2_147_483_647 // a column of type integer
const identifier = /^[0-9A-Za-z-]+$/

/** A version by semver.org, perhaps with a `v` in front; undefined when it is none. */
export function parseSemver(text: string): Semver | undefined {
  const found = /^v?(\d+)\.(\d+)\.(\d+)(?:-([^+]+))?(?:\+(.+))?$/.exec(text.trim())
  if (!found) return undefined
  const [, major = '', minor = '', patch = '', prerelease = '', build = ''] = found
  const numbers = [major, minor, patch]
  if (numbers.some((number) => hasLeadingZero(number) || Number(number) > largest)) return undefined
  const before = prerelease === '' ? [] : prerelease.split('.')
  const after = build === '' ? [] : build.split('.')
  if (![...before, ...after].every((part) => identifier.test(part))) return undefined
  if (before.some((part) => /^\d+$/.test(part) && hasLeadingZero(part))) return undefined
  return { major: Number(major), minor: Number(minor), patch: Number(patch), prerelease, build }
}

const hasLeadingZero = (number: string) => number.length > 1 && number.startsWith('0')

export function formatSemver({ major, minor, patch, prerelease, build }: Semver): string {
  return `${major}.${minor}.${patch}${prerelease && `-${prerelease}`}${build && `+${build}`}`
}

/** The columns of a release that make its version. */
export interface VersionColumns {
  semver_major: number
  semver_minor: number
  semver_patch: number
  semver_prerelease: string
  semver_build: string
  variant: string
  /** Null: a draft, or not finished. */
  revision: number | null
  created_at: Date
}

/** `release.version` on the wire. */
export interface ReleaseVersion {
  raw: string
  major: number
  minor: number
  patch: number
  prerelease: (string | number)[]
  build: string[]
  /** Without the build part. */
  version: string
}

/** Drafts carry the moment of their creation (ms) as last part of the prerelease; revisions above 0 stand in the build part. */
export function releaseVersion(release: VersionColumns): ReleaseVersion {
  const prerelease = release.semver_prerelease === '' ? [] : release.semver_prerelease.split('.')
  if (release.revision === null) prerelease.push(String(release.created_at.getTime()))
  const build = release.semver_build === '' ? [] : release.semver_build.split('.')
  const revision = `rev${release.revision}`
  if (release.revision && !build.includes(revision)) build.push(revision)
  if (release.variant !== '') build.push(release.variant)

  const { semver_major: major, semver_minor: minor, semver_patch: patch } = release
  const version = `${major}.${minor}.${patch}${prerelease.length ? `-${prerelease.join('.')}` : ''}`
  return {
    raw: `${version}${build.length ? `+${build.join('.')}` : ''}`,
    major,
    minor,
    patch,
    prerelease: prerelease.map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    build,
    version,
  }
}

/** `release.raw_version` on the wire: `1.2.3`, `1.2.3+rev2`, `1.2.3-rc.1.1700000000000`. */
export const rawVersion = (release: VersionColumns): string => releaseVersion(release).raw

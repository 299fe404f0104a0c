// The processors that fleets can have, in the words of the wire, and what container engines call them.

export const ARCHITECTURES = ['rpi', 'armv7hf', 'aarch64', 'i386', 'i386-nlp', 'amd64'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

const PLATFORMS: Record<Architecture, string> = {
  rpi: 'linux/arm/v6',
  armv7hf: 'linux/arm/v7',
  aarch64: 'linux/arm64/v8',
  i386: 'linux/386',
  'i386-nlp': 'linux/386',
  amd64: 'linux/amd64',
}

/** As engines take it: `linux/arm/v7`. */
export function platformOf(architecture: Architecture): string {
  return PLATFORMS[architecture]
}

/** What each processor runs besides its own code. An image of these is no mistake (arm32v6/… on a 64-bit board). */
const RUNS: Record<Architecture, readonly string[]> = {
  rpi: ['linux/arm/v6', 'linux/arm/v5'],
  armv7hf: ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5'],
  aarch64: ['linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5'],
  i386: ['linux/386'],
  'i386-nlp': ['linux/386'],
  amd64: ['linux/amd64', 'linux/386'],
}

/**
 * Whether a device of this architecture can run an image of `platform` (`os/architecture[/variant]`, as an image's own
 * configuration says). 32-bit ARM without a variant is taken for what the processor has.
 */
export function canRun(architecture: Architecture, platform: string): boolean {
  const bare = platform.replace(/^(linux\/(?:arm64|amd64|386))\/.*$/, '$1')
  return (
    RUNS[architecture].includes(bare) ||
    (bare === 'linux/arm' && RUNS[architecture].some((runs) => runs.startsWith('linux/arm/')))
  )
}

/** The arguments that engines define for every `FROM` by themselves. */
export function platformArguments(
  architecture: Architecture,
  builder: Architecture = architecture,
): Record<string, string> {
  return { ...described('TARGET', platformOf(architecture)), ...described('BUILD', platformOf(builder)) }
}

function described(what: string, platform: string): Record<string, string> {
  const [os = '', arch = '', variant = ''] = platform.split('/')
  return {
    [`${what}PLATFORM`]: platform,
    [`${what}OS`]: os,
    [`${what}ARCH`]: arch,
    [`${what}VARIANT`]: variant,
  }
}

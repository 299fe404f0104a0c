// What there is to make, as data: processors, languages, and the suite that all of it comes from.

/** Debian's suite for every image; also the last one with a Node.js for 32-bit ARM. */
export const suite = 'trixie'

/** Raised by hand to take up what Debian has fixed since: it is part of every image's key. */
export const packagesAsOf = '2026-11-01'

export type Arch = 'amd64' | 'aarch64' | 'armv7hf' | 'rpi'
export type Language = 'debian' | 'node' | 'python'

/** Processors by the name that fleets use; what Debian, Docker and Node call the same thing. */
export const architectures: Record<
  Arch,
  { debian: string; docker: { architecture: string; variant?: string }; node: string }
> = {
  amd64: { debian: 'amd64', docker: { architecture: 'amd64' }, node: 'x64' },
  aarch64: { debian: 'arm64', docker: { architecture: 'arm64' }, node: 'arm64' },
  armv7hf: { debian: 'armhf', docker: { architecture: 'arm', variant: 'v7' }, node: 'arm' },
  rpi: { debian: 'armel', docker: { architecture: 'arm', variant: 'v6' }, node: 'arm' },
}

export interface LanguageImage {
  /** The tags that people write, the fullest first. */
  tags: string[]
  packages: string[]
  /** npm packages that are unpacked into the image, exact version. */
  npm?: { name: string; version: string }[]
  /** Runs in the image after the packages are there. */
  script?: string
  command: string[]
}

/** Base images by language. `debian` is what the others stand on. */
export const languages: Record<Language, LanguageImage> = {
  debian: { tags: ['trixie', '13', 'latest'], packages: ['udev'], command: ['/bin/bash'] },
  node: {
    tags: ['20', 'latest'],
    packages: ['nodejs'],
    // Debian's own npm is 400 packages; the one from the registry is one folder.
    npm: [{ name: 'npm', version: '10.9.9' }],
    script: `
      ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm
      ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/bin/npx
      npm --version`,
    command: ['node'],
  },
  python: {
    tags: ['3.13', '3', 'latest'],
    packages: ['python3', 'python3-pip', 'python3-venv', 'python-is-python3'],
    script: `
      rm -rf /usr/lib/python3*/test /usr/lib/python3*/idlelib
      find /usr/lib/python3 /usr/lib/python3.* -name __pycache__ -prune -exec rm -r {} +
      pip --version`,
    command: ['python3'],
  },
}

/** This machine's processor, by the name that fleets use. */
export function machineArch(): Arch {
  const found = (Object.keys(architectures) as Arch[]).find(
    (arch) => architectures[arch].node === process.arch,
  )
  if (!found) throw new Error(`cannot tell this processor: Node calls it ${process.arch}`)
  return found
}

/** An architecture as typed by somebody: ours, or Debian's and Docker's names for it. */
export function parseArch(word: string): Arch {
  for (const arch of Object.keys(architectures) as Arch[]) {
    if (arch === word || architectures[arch].debian === word) return arch
  }
  throw new Error(
    `cannot make images for "${word}": the processors are ${Object.keys(architectures).join(', ')}`,
  )
}

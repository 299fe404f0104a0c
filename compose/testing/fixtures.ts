// What becomes of each project in compose/fixtures, for a fleet of `genericx86-64-ext` (amd64) unless said otherwise. Tests of reading go
// through it, and so can whoever builds them for real.

export type Fate =
  /** Builds from Copal's own bases or from nothing. */
  | { builds: true; projectDirectory?: string }
  /** Reads well; needs images from elsewhere to build. */
  | { builds: false; from: string[] }
  /** Is answered with a sentence. */
  | { refused: RegExp }

const builds: Fate = { builds: true }

export const FATES: Readonly<Record<string, Fate>> = {
  // Seen in half of all projects or more.
  'compose-header': builds,
  'build-in-three-spellings': builds,
  'privileged-restart-ports': builds,
  'feature-labels': builds,
  'named-volumes': builds,
  'host-network': builds,
  template: builds,
  'template-without-variables': builds,
  'usual-bases': { builds: false, from: ['balenalib/genericx86-64-ext-node:16-bullseye-run'] },
  contract: builds,

  // Seen in a fifth to a half.
  'depends-on-list': builds,
  'environment-map-and-list': builds,
  'image-only-service': {
    builds: false,
    from: [`postgres:17@sha256:${'ab'.repeat(32)}`, 'bh.cr/balenalabs/browser-aarch64/2.8.1'],
  },
  capabilities: builds,
  'multi-stage': builds,
  'variables-outside-from': builds,
  'official-images': { builds: false, from: ['node:20-alpine', 'nginx'] },
  'install-packages': builds,
  dockerignore: builds,
  'argument-before-and-in-from': builds,
  'no-command': builds,
  'contract-variables': builds,
  'shared-volume': builds,

  // YAML.
  'yaml-merge-keys': builds,
  'yaml-core-not-1.1': builds,

  // Templates.
  'template-comment-with-unknown-name': builds,
  'template-unknown-name': {
    refused: /^cannot fill in %%BALENA_COLOUR%% \(Dockerfile\.template, line 3, service main\)/,
  },
  'plain-file-is-no-template': builds,

  // Choice of Dockerfile.
  'dockerfile-device-type-first': builds,
  'dockerfile-arch-before-template': builds,
  'dockerfile-template-before-plain': builds,
  'dockerfile-explicit-template': builds,
  'dockerfile-explicit-other-device-type': builds,
  'dockerfile-for-other-processors': {
    refused:
      /^cannot find a Dockerfile \(service main\): there is none for genericx86-64-ext \(amd64\), only for jetson-nano, rpi/,
  },
  'dockerfile-siblings': builds,
  'package-json-only': builds,

  // Ignore files.
  'ignore-names-what-builds': builds,
  'ignore-per-service': builds,
  'ignore-per-dockerfile': builds,

  // Labels.
  'labels-as-list': builds,
  'labels-old-names': builds,
  'labels-of-others': builds,
  'labels-that-require': builds,

  // `$` in compose files.
  'dollar-from-dot-env': builds,
  'dollar-in-commands': builds,
  'dollar-doubled': builds,

  // Links.
  'link-dangling': builds,
  'link-dot-env-absolute': builds,
  'link-env-file-out': {
    refused: /^cannot follow the link settings\.env .* points to .* outside of the project/,
  },
  'link-env-file-inside': builds,
  'link-ignore-file-out': { refused: /^cannot follow the link \.dockerignore .* points to \/etc\/hostname/ },
  'link-ignore-file-inside': builds,
  'link-folder-as-context': builds,

  // `.balena/`.
  'build-settings': builds,
  'build-secret-missing': {
    refused: /^cannot use build-secrets\.global\[0\] .* there is no file \.balena\/secrets\/key/,
  },
  'build-settings-twice': { refused: /both \.balena and \.resin/ },

  // Others.
  'image-beside-build': builds,
  'stage-for-each-processor': builds,
  'several-projects': { builds: true, projectDirectory: 'apps/kiosk' },
  'parser-corners': builds,
  crlf: builds,
  'executable-file': builds,
  'folder-of-a-submodule': { refused: /there is no folder web · git submodules are not fetched/ },
  'refused-key': {
    refused:
      /^cannot use services\.web\.logging \(docker-compose\.yml, line 5, service web\): the device collects the logs/,
  },
  'host-folder': {
    refused:
      /^cannot use services\.web\.volumes\[0\] \(docker-compose\.yml, line 6, service web\): \.\/data would be a folder of the device/,
  },
  'host-paths-that-are-features': builds,
  'dependency-conditions': builds,
}

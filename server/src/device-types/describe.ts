// A device type as clients that write or flash images know it (cloud-api §4.2). Pure.

export interface DeviceTypeRow {
  slug: string
  name: string
  arch: string
  aliases: string[]
}

const network = {
  isGroup: true,
  name: 'network',
  message: 'Network',
  options: [
    { name: 'network', message: 'Network Connection', type: 'list', choices: ['ethernet', 'wifi'] },
    { name: 'wifiSsid', message: 'Wifi SSID', type: 'text', when: { network: 'wifi' } },
    { name: 'wifiKey', message: 'Wifi Passphrase', type: 'password', when: { network: 'wifi' } },
  ],
}

const advanced = {
  isGroup: true,
  isCollapsible: true,
  collapsed: true,
  name: 'advanced',
  message: 'Advanced',
  options: [
    {
      name: 'appUpdatePollInterval',
      message: 'Check for updates every X minutes',
      type: 'number',
      min: 10,
      default: 10,
    },
  ],
}

export function describeDeviceType({ slug, name, arch, aliases }: DeviceTypeRow) {
  return {
    slug,
    name,
    arch,
    state: 'RELEASED',
    aliases: [slug, ...aliases.filter((alias) => alias !== slug)],
    imageDownloadAlias: slug,
    options: [network, advanced],
    // The first partition is the boot partition, also on our own images.
    configuration: { config: { partition: { primary: 1 }, path: '/config.json' } },
    initialization: { options: [], operations: [] },
    yocto: {
      machine: slug,
      image: 'balena-image',
      fstype: 'balenaos-img',
      version: 'yocto',
      deployArtifact: `balena-image-${slug}.balenaos-img`,
      archive: false,
    },
    instructions: [],
    gettingStartedLink: '',
    options_version: 1,
  }
}

import manifest from '../package.json' with { type: 'json' }

/** Ours, as it is reported. The bundle has it compiled in. */
export const version: string = manifest.version

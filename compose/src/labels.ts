// Labels reach the container as text. Those under `io.balena.features.` (or `io.resin.`) switch things on at the device.
import { cannot, type Warning } from './project-error.ts'
import { nullableTextMap, type TextMap } from './values.ts'
import type { Node } from './yaml.ts'

const FEATURE = /^io\.(?:balena|resin)\.features\.(?!requires\.)/
const REQUIRES = /^io\.(?:balena|resin)\.features\.requires\./

/** Devices refuse a whole target for one label outside of this (device API, "Validation done on the device"). */
const LABEL_NAME = /^[!#-&(-_a-~]+$/

export function labels(node: Node): TextMap {
  const out: TextMap = {}
  for (const [name, { value, node: at }] of nullableTextMap(node)) {
    if (!LABEL_NAME.test(name)) {
      throw cannot(
        `use the label ${JSON.stringify(name)}`,
        'devices take printable ASCII without spaces and quotes',
        at.where,
      )
    }
    out[name] = FEATURE.test(name) && value === 'true' ? '1' : (value ?? '')
  }
  return out
}

export type Requirement = { type: string; slug?: string; version?: string } | { or: Requirement[] }
export type ServiceContract = Record<string, unknown> & { requires?: unknown }

/** The contract that `io.balena.features.requires.…` labels stand for; undefined without such labels. */
export function contractOfLabels(
  service: string,
  labelled: TextMap,
  warnings: Warning[],
): ServiceContract | undefined {
  const requires: Requirement[] = []
  for (const [label, value] of Object.entries(labelled)) {
    if (!REQUIRES.test(label)) continue
    const requirement = requirementOf(label.replace(REQUIRES, ''), value)
    if (requirement) requires.push(requirement)
    else warnings.push({ text: `the label ${label} is not known and asks for nothing`, service })
  }
  return requires.length ? { type: 'sw.container', slug: `contract-for-${service}`, requires } : undefined
}

function requirementOf(what: string, value: string): Requirement | undefined {
  switch (what) {
    case 'sw.supervisor':
    case 'sw.l4t':
      return { type: what, version: value }
    // The device's words for both differ from the label's (supervisor, "Contracts").
    case 'sw.balena-os':
      return { or: [{ type: 'sw.os', slug: 'balena-os', version: value }] }
    case 'sw.linux':
      return { or: [{ type: 'sw.kernel', slug: 'linux', version: value }] }
    case 'hw.device-type':
    case 'arch.sw':
      return { type: what, slug: value }
    default:
      return undefined
  }
}

// What a device should run: the answer to `GET /device/v3/<uuid>/state`.
// Unknown fields are ignored; wrong ones refuse the whole document by name, as devices do.
import { z } from 'zod'
import { configName, environmentName, partName } from './names.ts'

const id = z.coerce.number().int().nonnegative()

export const targetService = z.object({
  id,
  image_id: id,
  image: z.string().max(255),
  running: z.boolean().default(true),
  environment: z.record(environmentName, z.string()),
  labels: z.record(z.string(), z.string()),
  contract: z.record(z.string(), z.unknown()).optional(),
  composition: z.record(z.string(), z.unknown()).default({}),
})

export const targetRelease = z.object({
  id,
  services: z.record(partName, targetService).default({}),
  volumes: z.record(partName, z.record(z.string(), z.unknown()).nullable()).default({}),
  networks: z.record(partName, z.record(z.string(), z.unknown()).nullable()).default({}),
})

export const targetApp = z.object({
  id,
  name: z.string().max(255),
  is_host: z.boolean().default(false),
  class: z.enum(['fleet', 'app', 'block']).default('fleet'),
  releases: z.record(z.string().max(255), targetRelease).default({}),
})

export const targetDevice = z.object({
  name: z
    .string()
    .max(255)
    .regex(/^[^\n\r]*$/),
  config: z.record(configName, z.string()),
  apps: z.record(z.string().max(255), targetApp),
})

/** Keyed by device uuid; a device looks for its own. */
export const targetState = z.record(z.string().max(255), targetDevice)

export type TargetService = z.infer<typeof targetService>
export type TargetRelease = z.infer<typeof targetRelease>
export type TargetApp = z.infer<typeof targetApp>
export type TargetDevice = z.infer<typeof targetDevice>
export type TargetState = z.infer<typeof targetState>

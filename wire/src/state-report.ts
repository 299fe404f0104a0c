// What a device says that it runs: the body of `PATCH /device/v3/state`, keyed by device uuid.
// A report is a difference: a field that is absent has not changed.
import { z } from 'zod'

/** Lowest in this order wins for the device as a whole. */
export const updateStatuses = [
  'rejected',
  'downloading',
  'downloaded',
  'applying changes',
  'aborted',
  'done',
] as const

export const reportedService = z.object({
  image: z.string(),
  status: z.string().optional(),
  download_progress: z.number().nullable().optional(),
})

export const reportedApp = z.object({
  release_uuid: z.string().optional(),
  releases: z
    .record(
      z.string(),
      z.object({
        update_status: z.enum(updateStatuses).optional(),
        services: z.record(z.string(), reportedService).default({}),
      }),
    )
    .default({}),
})

export const deviceReport = z.object({
  status: z.string().nullable().optional(),
  os_version: z.string().nullable().optional(),
  os_variant: z.string().nullable().optional(),
  supervisor_version: z.string().nullable().optional(),
  provisioning_progress: z.number().nullable().optional(),
  provisioning_state: z.string().nullable().optional(),
  ip_address: z.string().nullable().optional(),
  mac_address: z.string().nullable().optional(),
  api_port: z.number().nullable().optional(),
  api_secret: z.string().nullable().optional(),
  memory_usage: z.number().nullable().optional(),
  memory_total: z.number().nullable().optional(),
  storage_block_device: z.string().nullable().optional(),
  storage_usage: z.number().nullable().optional(),
  storage_total: z.number().nullable().optional(),
  cpu_temp: z.number().nullable().optional(),
  cpu_usage: z.number().nullable().optional(),
  cpu_id: z.string().nullable().optional(),
  is_undervolted: z.boolean().optional(),
  apps: z.record(z.string(), reportedApp).optional(),
})

export const stateReport = z.record(z.string(), deviceReport)

export type ReportedService = z.infer<typeof reportedService>
export type ReportedApp = z.infer<typeof reportedApp>
export type DeviceReport = z.infer<typeof deviceReport>
export type StateReport = z.infer<typeof stateReport>

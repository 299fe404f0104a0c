import type { StoredLine } from '@copal/wire/log-line.ts'
import type { Context } from '../context.ts'
import type { Row } from './chunk.ts'

export const historyMost = 1000

/** The newest lines by arrival (a clock that stepped back hides nothing), from `start` (epoch ms, the device's clock) on. */
export async function newest(
  ctx: Context,
  device: number,
  count: number,
  start: number | undefined,
): Promise<Row[]> {
  const { sql } = ctx.db
  const rows = await sql<Row[]>`
    select id, created_at, timestamp, is_system, is_stderr, service, message from device_log
    where device = ${device} ${start === undefined ? sql`` : sql`and timestamp >= ${start}`}
    order by id desc limit ${Math.min(count, historyMost)}`
  return rows.map((row) => ({ ...row, id: Number(row.id) }))
}

/** Lines that arrived after the one with this id, in the order of arrival. */
export async function after(ctx: Context, device: number, id: number, count: number): Promise<Row[]> {
  const rows = await ctx.db.sql<Row[]>`
    select id, created_at, timestamp, is_system, is_stderr, service, message from device_log
    where device = ${device} and id > ${id} order by id limit ${count}`
  return rows.map((row) => ({ ...row, id: Number(row.id) }))
}

/** By time, and by arrival where times are equal. */
export const byTime = (a: Row, b: Row): number => a.timestamp - b.timestamp || a.id - b.id

export const asStored = (row: Row): StoredLine => ({
  createdAt: row.created_at.getTime(),
  timestamp: row.timestamp,
  isSystem: row.is_system,
  isStdErr: row.is_stderr,
  message: row.message,
  serviceId: row.service,
})

// Sizes and durations as compose writes them.

const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** `64m`, `1.5gb`, `1024` → bytes. Undefined for what is no size. */
export function bytesOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  const match = /^\s*(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?\s*$/i.exec(typeof value === 'string' ? value : '')
  if (match === null) return undefined
  return Math.round(Number(match[1]) * (units[(match[2] ?? 'b').toLowerCase()] ?? 1))
}

const seconds: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 }

/** `1m30s`, `500ms`, `10` → seconds. Undefined for what is no duration. */
export function secondsOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return undefined
  if (/^\d+(?:\.\d+)?$/.test(value.trim())) return Number(value)
  const parts = [...value.trim().matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|h|m|s)/g)]
  if (parts.map(([all]) => all).join('') !== value.trim()) return undefined
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (seconds[unit ?? ''] ?? 0), 0)
}

/** A bar on stderr for work whose size is known; on no terminal it stays silent. */
export function progressBar(label: string, total: number): { add(count: number): void; done(): void } {
  const shown = process.stderr.isTTY && total > 256 * 1024
  const width = 30
  let count = 0
  let drawn = 0
  const draw = () => {
    const part = total === 0 ? 1 : Math.min(count / total, 1)
    const filled = Math.round(part * width)
    process.stderr.write(
      `\r${label} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${String(Math.round(part * 100)).padStart(3)} % of ${megabytes(total)}`,
    )
  }
  return {
    add(more) {
      count += more
      if (!shown || Date.now() - drawn < 80) return
      drawn = Date.now()
      draw()
    },
    done() {
      if (shown) process.stderr.write('\r\u001b[K')
    },
  }
}

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

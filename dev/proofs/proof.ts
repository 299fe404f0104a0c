export interface Proof {
  title: string
  /** What is proved, in sentences. */
  claim: string
  /**
   * Tries it so many times (where that means anything), and gives the figures as Markdown.
   * @throws when it is not so
   */
  run(times: number, say: (line: string) => void): Promise<string>
}

export function table(heads: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

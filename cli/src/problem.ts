/** Known trouble: printed as one sentence, without a stack. It begins with "cannot" and offers the way out. */
export class Problem extends Error {
  override name = 'Problem'
  readonly exitCode: number
  constructor(sentence: string, exitCode = 1) {
    super(sentence)
    this.exitCode = exitCode
  }
}

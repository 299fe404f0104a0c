/** Filters as the engine takes them: any value of a name must fit, and every name. `{ label: ['a=b'], name: ['web'] }` */
export type Filters = Record<string, string[]>

// Requests for GPUs, in either of compose's spellings. Only Copal's own supervisor honours them.
import { cannot } from './project-error.ts'
import { entries, items, onlyKeys, text } from './values.ts'
import { plain, type Node } from './yaml.ts'

/** `all`, or the list of requests as written. */
export type Gpus = 'all' | unknown[]

export function gpus(node: Node): Gpus {
  if (node.kind === 'scalar' && text(node) === 'all') return 'all'
  return requests(node)
}

/** `deploy` when it holds nothing but a reservation of GPUs; refused by `why` otherwise. */
export function gpusOfDeploy(deploy: Node, why: string): Gpus {
  let node = deploy
  for (const key of ['resources', 'reservations', 'devices']) {
    const stranger = [...entries(node)].find(([name]) => name !== key)
    if (stranger) throw cannot(`use ${stranger[1].where.key}`, why, stranger[1].where)
    const next = entries(node).get(key)
    if (!next) throw cannot(`use ${node.where.key}`, why, node.where)
    node = next
  }
  return requests(node)
}

function requests(node: Node): unknown[] {
  return items(node).map((item) => {
    onlyKeys(item, ['capabilities', 'count', 'device_ids', 'driver', 'options'])
    return plain(item)
  })
}

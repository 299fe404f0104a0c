import { randomInt } from 'node:crypto'

// Lists for people: short, friendly, nothing that could be taken for a state ("dark", "still")
const adjectives =
  'amber ancient autumn bold brave breezy bright brisk calm candid cedar cheerful clear clever coastal copper coral cosy crimson crisp curious dapper dewy eager early easy fair fancy fern floral fond free fresh friendly frosty gentle gilded glad golden grand green handy happy hazel hearty honest humble icy indigo ivory jade jolly keen kind lavender lemon light lively lucky lunar maple marble mellow merry mild minty misty modest mossy neat nimble noble northern oaken olive opal orchid patient pearly plucky polar proud quick quiet rapid rosy ruby rustic sandy scarlet serene silken silver sleek snowy solar southern spry steady summer sunny swift tender tidy tropic velvet vivid warm western wild winter wise witty zesty'.split(
    ' ',
  )
const nouns =
  'acorn alder anchor apple aspen badger bay beacon beaver birch bloom breeze brook canyon cedar cliff cloud clover comet cove crane creek daisy dawn delta dove dune eagle elm ember falcon fern field finch fjord forest fox garden glacier glade grove gull harbor hawk heath heron hill iris island ivy jasmine juniper kestrel lagoon lake lark laurel leaf lily linden lotus lynx magpie maple marsh meadow mesa mill moon moss oak oasis orchard otter owl palm path peak pebble pine plain pond poplar poppy prairie quail rain raven reed reef ridge river robin rose sage sea shore sky slope spring spruce star stone stream summit sun swan thistle thrush tide trail tulip vale valley violet wave willow wind wolf wood wren'.split(
    ' ',
  )

const one = (words: string[]) => words[randomInt(words.length)]!

/** A name for a device that nobody named: `adjective-noun`. Not unique; names need not be. */
export const makeDeviceName = () => `${one(adjectives)}-${one(nouns)}`

/** One of something for each owner (the context, mostly), made when first asked for; it may be lost with its owner. */
export function onePer<Owner extends object, Thing>(make: (owner: Owner) => Thing): (owner: Owner) => Thing {
  const made = new WeakMap<Owner, Thing>()
  return (owner) => {
    let thing = made.get(owner)
    if (thing === undefined) made.set(owner, (thing = make(owner)))
    return thing
  }
}

// The types of the module `hearken` that plugins import.
declare module "hearken" {}

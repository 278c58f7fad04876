import { register } from "wraft";
import { Store } from "./store";

export * from "wraft/abi";

register(new Store());

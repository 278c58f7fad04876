import { register } from "wraft";
import { Counter } from "./counter";

export * from "wraft/abi";

register(new Counter());

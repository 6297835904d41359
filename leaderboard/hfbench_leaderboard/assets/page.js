/* What every page does: tables that can be sorted and searched, and a look at the address. */

import { check } from "./query.js";
import { enhance } from "./table.js";

document.querySelectorAll("table[data-enhance]").forEach(enhance);
check();

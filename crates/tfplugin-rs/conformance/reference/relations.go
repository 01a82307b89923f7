package main

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/numbervalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// relations has attributes that look at others: beside them, around them, and in all elements.
func relations() schema.Schema {
	at := path.MatchRoot
	beside := func(name string) path.Expression { return path.MatchRelative().AtParent().AtName(name) }
	above := func(name string) path.Expression {
		return path.MatchRelative().AtParent().AtParent().AtParent().AtName(name)
	}
	each := at("items").AtAnyListIndex().AtName("name")
	item := objects(map[string]schema.Attribute{
		"name":  text(),
		"other": text(stringvalidator.ConflictsWith(beside("name"))),
		"needs": text(stringvalidator.AlsoRequires(beside("name"), above("plain"))),
	})
	flag := schema.BoolAttribute{Optional: true, Validators: []validator.Bool{boolvalidator.ConflictsWith(at("plain"))}}
	amount := schema.NumberAttribute{Optional: true, Validators: []validator.Number{numbervalidator.AlsoRequires(at("plain"), at("either"))}}
	words := listOf(types.StringType, listvalidator.ExactlyOneOf(at("plain"), at("amount")))
	made := base(map[string]schema.Attribute{
		"plain":     text(),
		"either":    text(stringvalidator.ConflictsWith(at("plain"), at("flag"))),
		"needs":     text(stringvalidator.AlsoRequires(at("plain"), at("one"))),
		"one_a":     text(stringvalidator.ExactlyOneOf(at("one_b"), at("one_c"))),
		"one_b":     text(),
		"one_c":     text(),
		"some_a":    text(stringvalidator.AtLeastOneOf(at("some_b"), at("some_c"))),
		"some_b":    text(),
		"some_c":    text(),
		"all_of":    text(stringvalidator.AlsoRequires(each)),
		"none_of":   text(stringvalidator.ConflictsWith(each)),
		"any_of":    text(stringvalidator.Any(stringvalidator.ConflictsWith(at("plain")), stringvalidator.OneOf("a"))),
		"stored":    text(stringvalidator.PreferWriteOnlyAttribute(at("secret_wo"))),
		"secret_wo": schema.StringAttribute{Optional: true, WriteOnly: true},
		"flag":      flag,
		"amount":    amount,
		"words":     words,
		"items":     schema.ListNestedAttribute{Optional: true, NestedObject: item},
		"one": schema.SingleNestedAttribute{Optional: true,
			Attributes: map[string]schema.Attribute{"name": text()},
			Validators: []validator.Object{objectvalidator.AlsoRequires(at("either"))}},
	})
	made.Blocks = map[string]schema.Block{
		"block": schema.ListNestedBlock{
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"name":  text(stringvalidator.AtLeastOneOf(beside("other"))),
				"other": text(),
			}},
			Validators: []validator.List{listvalidator.ConflictsWith(at("items"))},
		},
	}
	return made
}

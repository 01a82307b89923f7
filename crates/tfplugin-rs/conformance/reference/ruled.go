package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/actionvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/ephemeralvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listresourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/providervalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// ruled has rules over its attributes, none of which is their subject more than another.
type ruled struct{ scripted }

func ruledSchema() schema.Schema {
	item := objects(map[string]schema.Attribute{"name": text(), "other": text()})
	return base(map[string]schema.Attribute{
		"a": text(), "b": text(), "c": text(), "d": text(), "amount": schema.NumberAttribute{Optional: true},
		"items":     schema.ListNestedAttribute{Optional: true, NestedObject: item},
		"secret_wo": schema.StringAttribute{Optional: true, WriteOnly: true},
	})
}

func (ruled) ConfigValidators(context.Context) []resource.ConfigValidator {
	at, each := path.MatchRoot, path.MatchRoot("items").AtAnyListIndex()
	return []resource.ConfigValidator{
		resourcevalidator.ExactlyOneOf(at("a"), at("b")),
		resourcevalidator.AtLeastOneOf(at("b"), at("c"), at("amount")),
		resourcevalidator.Conflicting(at("c"), at("d"), at("items")),
		resourcevalidator.RequiredTogether(at("d"), at("amount")),
		resourcevalidator.PreferWriteOnlyAttribute(at("d"), at("secret_wo")),
		resourcevalidator.Conflicting(each.AtName("name"), each.AtName("other")),
	}
}

// The same four rules in every kind of configuration, about these.
func ruledNames() (a, b, c path.Expression) {
	return path.MatchRoot("rule_a"), path.MatchRoot("rule_b"), path.MatchRoot("rule_c")
}

func (conform) ConfigValidators(context.Context) []provider.ConfigValidator {
	a, b, c := ruledNames()
	return []provider.ConfigValidator{
		providervalidator.ExactlyOneOf(a, b), providervalidator.AtLeastOneOf(b, c),
		providervalidator.Conflicting(b, c), providervalidator.RequiredTogether(a, c),
	}
}

func (lookup) ConfigValidators(context.Context) []datasource.ConfigValidator {
	a, b, c := ruledNames()
	return []datasource.ConfigValidator{
		datasourcevalidator.ExactlyOneOf(a, b), datasourcevalidator.AtLeastOneOf(b, c),
		datasourcevalidator.Conflicting(b, c), datasourcevalidator.RequiredTogether(a, c),
	}
}

func (lease) ConfigValidators(context.Context) []ephemeral.ConfigValidator {
	a, b, c := ruledNames()
	return []ephemeral.ConfigValidator{
		ephemeralvalidator.ExactlyOneOf(a, b), ephemeralvalidator.AtLeastOneOf(b, c),
		ephemeralvalidator.Conflicting(b, c), ephemeralvalidator.RequiredTogether(a, c),
	}
}

func (poke) ConfigValidators(context.Context) []action.ConfigValidator {
	a, b, c := ruledNames()
	return []action.ConfigValidator{
		actionvalidator.ExactlyOneOf(a, b), actionvalidator.AtLeastOneOf(b, c),
		actionvalidator.Conflicting(b, c), actionvalidator.RequiredTogether(a, c),
	}
}

func (knownList) ListResourceConfigValidators(context.Context) []list.ConfigValidator {
	a, b, c := ruledNames()
	return []list.ConfigValidator{
		listresourcevalidator.ExactlyOneOf(a, b), listresourcevalidator.AtLeastOneOf(b, c),
		listresourcevalidator.Conflicting(b, c), listresourcevalidator.RequiredTogether(a, c),
	}
}
